"""Key paths: `triggers[0].pin` names a value of the config, as the messages of check-config do. Pure."""

from __future__ import annotations

import re
from typing import Any

from device_daemon.config.problems import Path, dotted
from device_daemon.errors import EX_USAGE, SpeakerError

_STEP = re.compile(r"(?:^|\.)([\w-]+)|\[(\d{1,4})\]")


class WrongKeyPath(SpeakerError):
    """A key path that cannot be read, or that the config does not have."""

    exit_code = EX_USAGE


def parse(text: str) -> Path:
    """Return the steps of a key path. Raises WrongKeyPath."""
    steps: list[str | int] = []
    at = 0
    while at < len(text) and (found := _STEP.match(text, at)):
        steps.append(found[1] if found[1] is not None else int(found[2]))
        at = found.end()
    if not steps or at < len(text) or isinstance(steps[0], int):
        raise WrongKeyPath(f"{text[:60]!r} is no key; write it like service.endpoint or triggers[0].pin")
    return tuple(steps)


def look_up(values: Any, path: Path) -> Any:
    """Return the value at a path in nested dicts and lists. Raises WrongKeyPath, which names what is there."""
    value = values
    for index, step in enumerate(path):
        here = dotted(path[:index])
        if isinstance(step, int):
            if not isinstance(value, list):
                raise WrongKeyPath(f"{here} is no list; leave out [{step}]")
            if step >= len(value):
                raise WrongKeyPath(f"{here} has {len(value)} entries; they are counted from 0")
            value = value[step]
        elif isinstance(value, dict):
            if step not in value:
                raise WrongKeyPath(f"there is no {dotted(path[: index + 1])}; there are: {', '.join(map(str, value))}")
            value = value[step]
        else:
            raise WrongKeyPath(f"{here} has no keys below it")
    return value
