"""Writes the parts of README.md and docs/, and the pictures, that are generated from the code: `python -m scripts.documents`."""
