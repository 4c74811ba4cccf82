"""Which version of a Debian package apt would install, from its lists on this machine: nothing is downloaded.

`apt-cache policy` is asked rather than the lists read: pins and several repositories count as in `apt upgrade`.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from device_daemon.system.program import run_program

APT_CACHE: Final = "/usr/bin/apt-cache"
LISTS: Final = Path("/var/lib/apt/lists")
DEADLINE_S: Final = 120.0
"""A Pi Zero 2 W takes some seconds; nobody waits for it."""
_FIELD: Final = re.compile(r"^  (Installed|Candidate): (\S+)$", re.MULTILINE)
_REPOSITORY: Final = re.compile(r"^ +-?\d+ [a-z+]+:", re.MULTILINE)
"""A priority and an address; the list of what is installed has a path there."""


class Versions(Struct, frozen=True):
    """Of one package."""

    installed: str
    candidate: str
    """What `apt upgrade` would install; the same if that is nothing newer."""


def versions_in(policy: str) -> Versions | None:
    """Return what `apt-cache policy PACKAGE` says; None if the package is not installed, or is in no repository."""
    found = dict(_FIELD.findall(policy))
    installed, candidate = found.get("Installed", "(none)"), found.get("Candidate", "(none)")
    if "(none)" in {installed, candidate} or not _REPOSITORY.search(policy):
        return None
    return Versions(installed, candidate)


class AptCandidate:
    """Asks apt about one package, again only after its lists have changed.

    Args:
        package: Its name.
        environment: What apt-cache gets, besides LC_ALL.
        lists: The folder that `apt update` changes.
    """

    def __init__(self, package: str, environment: Mapping[str, str], lists: Path = LISTS) -> None:
        self._package = package
        self._environment = {**environment, "LC_ALL": "C"}
        self._lists = lists
        self._changed_ns: int | None = None
        self._versions: Versions | None = None

    async def versions(self) -> Versions | None:
        """Return the versions; None if the package or its repository is not there, or apt is not."""
        try:
            changed_ns = (await asyncio.to_thread(self._lists.stat)).st_mtime_ns
            if changed_ns != self._changed_ns:
                async with asyncio.timeout(DEADLINE_S):
                    asked = await run_program([APT_CACHE, "policy", self._package], self._environment)
                self._changed_ns, self._versions = changed_ns, versions_in(asked.output)
        except (OSError, TimeoutError):
            return None
        return self._versions
