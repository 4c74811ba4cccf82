"""The YAML config file: data model, parser with source locations, validation, JSON Schema."""
