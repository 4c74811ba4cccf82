"""Writes the parts of README.md and docs/ that are generated from the code: `python -m scripts.documents`."""
