"""What is checked in a document: its links, its code, its headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from scripts import REPOSITORY
from scripts.documents.parts import documents

_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>[^\n]*)\n(?P<text>.*?)^(?P=indent)```", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_INLINE = re.compile(r"`([^`\n]+)`")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block: `kind` is what stands behind its first fence."""

    kind: str
    text: str


class Document:
    """One Markdown file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(REPOSITORY))
        self.text = path.read_text(encoding="utf-8")
        self.prose = _FENCE.sub("", self.text)

    def blocks(self) -> Iterator[Block]:
        """Yield the fenced blocks, without the indentation that they have in lists."""
        for found in _FENCE.finditer(self.text):
            lines = found["text"].splitlines()
            yield Block(found["kind"], "\n".join(line.removeprefix(found["indent"]) for line in lines) + "\n")

    def links(self) -> list[str]:
        """Return what the links and pictures point to."""
        return _LINK.findall(self.prose)

    def inline_code(self) -> list[str]:
        """Return what stands between backticks."""
        return _INLINE.findall(self.prose)

    def anchors(self) -> set[str]:
        """Return what GitHub makes of the headings."""
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(self.prose)}


DOCUMENTS = {document.name: document for document in map(Document, documents())}
README = DOCUMENTS["README.md"]
