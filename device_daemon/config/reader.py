"""From a file to a `Config`, or to all that is wrong with it."""

from __future__ import annotations

from pathlib import Path

from device_daemon.config.checks import check
from device_daemon.config.convert import convert
from device_daemon.config.document import compose
from device_daemon.config.include import include
from device_daemon.config.nodes import Scalar
from device_daemon.config.places import Places
from device_daemon.config.problems import Problems, Spot
from device_daemon.config.settings import Config
from device_daemon.config.source import text_of
from device_daemon.config.wake_words import Installed
from device_daemon.errors import ConfigError

_EMPTY = (
    "found an empty file; allowed: at least 'service:' and below it 'endpoint: https://…' with the address of your "
    "Azure resource, or 'local: true' for the voice service on this machine"
)


def load(path: Path, installed: Installed | None = None) -> Config:
    """Return the config in the file at `path`; raises ConfigError with everything that is wrong with it.

    Wake words must be among the `installed` ones; where those are not given, nothing is said of them.
    """
    return read(text_of(path), str(path), path.parent, installed)


def read(text: str, name: str, folder: Path = Path(), installed: Installed | None = None) -> Config:
    """Return the config in `text`, called `name` in messages; raises ConfigError with everything that is wrong.

    What it includes is looked for in `folder` first; `installed` is as in `load`.
    """
    problems = Problems(name)
    config = None
    root = compose(text.removeprefix("\ufeff"), problems)
    if root is not None and not (isinstance(root, Scalar) and root.is_null):
        places = Places()
        config = convert(include(root, folder, problems), Config, problems, places)
        if config is not None:
            check(config, places, problems, installed)
    elif not problems:
        problems.add(Spot(1, 1), _EMPTY)
    if problems or config is None:
        raise ConfigError(problems.lines())
    return config
