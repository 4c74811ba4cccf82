"""The generated parts of the documents: each stands between two comments that name it, and is written by a function.

    <!-- generated: lights -->
    ...
    <!-- /generated -->

`refresh` replaces what stands between. A test holds every document against it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from device_daemon.device import request_policy
from device_daemon.leds import patterns
from scripts import REPOSITORY
from scripts.documents import commands, config_reference, languages, tools
from tests.faults import table

PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "commands": commands.as_markdown,
    "config": config_reference.as_markdown,
    "faults": table.as_markdown,
    "languages": languages.as_markdown,
    "lights": patterns.as_markdown,
    "tools": tools.as_markdown,
    "triggers": request_policy.as_markdown,
}

_PART = re.compile(r"(<!-- generated: (?P<name>[\w-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def documents() -> list[Path]:
    """Return every Markdown file that owners and developers read, the README first."""
    return [
        REPOSITORY / "README.md",
        *sorted((REPOSITORY / "docs").rglob("*.md")),
        *sorted((REPOSITORY / ".github").rglob("*.md")),
        REPOSITORY / "CHANGELOG.md",
    ]


def refresh(text: str) -> str:
    """Return `text` with its generated parts as the code has them now.

    Raises:
        KeyError: a part has a name that nothing here writes.
    """
    return _PART.sub(lambda found: f"{found[1]}\n{PARTS[found['name']]().strip()}\n\n{found[3]}", text)


def names(text: str) -> list[str]:
    """Return the names of the generated parts in `text`, in order."""
    return [found["name"] for found in _PART.finditer(text)]
