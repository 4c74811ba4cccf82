"""Writes every generated part anew and prints the names of the files that changed."""

from __future__ import annotations

import sys

from scripts import REPOSITORY
from scripts.documents.parts import documents, refresh


def main() -> int:
    """Return the exit code."""
    for path in documents():
        before = path.read_text(encoding="utf-8")
        after = refresh(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(REPOSITORY)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
