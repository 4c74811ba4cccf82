"""The YAML file an owner edits: its shape, its reader, its checks, its schema."""
