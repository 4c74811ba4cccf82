"""Check of config and credential as the service sees them: as its user, in its sandbox, by systemd-run.

Root reads a key in a home folder, or of mode 0600; the service may not. So a child with the unit's own settings looks.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from device_daemon.doctor import remedies
from device_daemon.doctor.findings import failed, ok, skipped
from device_daemon.doctor.programs import ProgramResult, run
from device_daemon.doctor.runner import Check, in_thread

NAME: Final = "as the service"
CHILD_DEADLINE_S: Final = 60.0
"""For this program to start in the sandbox and read the config: seconds on a small Pi, and many on a busy one."""

Assignments = Sequence[tuple[str, str]]

_SAME: Final = re.compile(
    r"User|Group|SupplementaryGroups|DynamicUser|UMask|(Pass|Unset)?Environment(File)?|ExecCondition"
    r"|(Load|Set|Import)Credential(Encrypted)?|Protect(Home|System)|Private(Tmp|Users|Mounts)"
    r"|(Inaccessible|ReadOnly|ReadWrite|Bind|BindReadOnly)Paths|TemporaryFileSystem|CapabilityBoundingSet|NoNewPrivileges"
    r"|StateDirectory"
)
"""What decides which files a service can read. RuntimeDirectory= is not among them: it would be removed with the child."""


def service_assignments(unit: str) -> list[tuple[str, str]]:
    """Return the assignments of [Service] in what `systemctl cat` prints, in order: drop-ins come after the unit."""
    section, found = "", []
    for line in re.sub(r"\\\n", " ", unit).splitlines():
        if header := re.fullmatch(r"\[(.*)\]\s*", line):
            section = header[1]
        elif section == "Service" and (assignment := re.fullmatch(r"\s*(\w+)\s*=\s*(.*?)\s*", line)):
            found.append((assignment[1], assignment[2]))
    return found


def config_of(assignments: Assignments) -> tuple[str, Path]:
    """Return the service's program and its config."""
    started = [value for name, value in assignments if name == "ExecStart" and value][-1]
    program, *arguments = shlex.split(started.lstrip("@-:+!"))
    return program, Path(arguments[arguments.index("--config") + 1])


_run = partial(run, deadline_s=CHILD_DEADLINE_S)


async def check_as_service(unit: str, config_path: Path, programs: Callable[..., ProgramResult] = _run) -> Check:
    """Whether the service itself can read config and credential. To be called as root.

    Args:
        unit: The unit's name.
        config_path: The config that the doctor checks; the service may have another one.
        programs: Runs a program.
    """
    cat = await in_thread(partial(programs, "systemctl", "cat", unit))
    assignments = service_assignments(cat.stdout)
    try:
        program, config = config_of(assignments)
    except (ValueError, IndexError):
        yield skipped(NAME, f"{unit} starts another program; not checked as its user")
        return
    if config != config_path:
        yield skipped(NAME, f"the service has another config, {config}", f"voicelive-speaker doctor --config {config}")
        return
    same = [f"--property={name}={value}" for name, value in assignments if _SAME.fullmatch(name)]
    check = (program, "check-config", "--credentials", f"--config={config}")
    child = await in_thread(partial(programs, "systemd-run", "--quiet", "--pipe", "--wait", "--collect", *same, *check))
    if child.code == 0:
        yield ok(NAME, "its user can read config and credential from its sandbox")
        return
    what = child.stderr.strip().removeprefix("voicelive-speaker: ") or f"systemd-run ended with {child.code}"
    if what.startswith("Failed to "):  # systemd-run's own words, as in a container without D-Bus
        yield skipped(NAME, f"systemd-run does not work here: {what}")
        return
    yield failed(NAME, f"user and sandbox of {unit}: {what}", remedies.AS_SERVICE)
