"""Writes every generated part and picture anew and prints the names of the files that changed."""

from __future__ import annotations

import sys

from scripts import REPOSITORY
from scripts.documents import event_schema
from scripts.documents.parts import documents, refresh
from scripts.documents.pictures import FOLDER, pictures


def main() -> int:
    """Return the exit code."""
    wanted = dict(pictures()) | {path: refresh(path.read_text(encoding="utf-8")) for path in documents()}
    wanted[event_schema.PATH] = event_schema.as_text()
    FOLDER.mkdir(exist_ok=True)
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(REPOSITORY)}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
