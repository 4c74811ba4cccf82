"""The sections of the config file: a module for those that belong together. `settings.Config` is the complete file."""
