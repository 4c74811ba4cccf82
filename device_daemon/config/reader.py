"""Config loader: from a file to a `Config`, or to a ConfigError that lists all problems."""

from __future__ import annotations

from pathlib import Path

from device_daemon.config.checks import check
from device_daemon.config.convert import convert
from device_daemon.config.document import compose
from device_daemon.config.include import include
from device_daemon.config.nodes import Scalar
from device_daemon.config.problems import Location, Problems
from device_daemon.config.settings import Config
from device_daemon.config.source import text_of
from device_daemon.config.source_map import SourceMap
from device_daemon.config.wake_words import Installed

_EMPTY = (
    "found an empty file; allowed: at least 'service:' and below it 'endpoint: https://…' with the address of your "
    "Azure resource, or 'local: true' for the voice service on this machine"
)


def load(path: Path, installed: Installed | None = None) -> Config:
    """Return the config in the file at `path`.

    Args:
        path: the YAML file.
        installed: the wake words of this machine; without it they are not checked.

    Raises:
        ConfigError: with everything that is wrong in the file and in those it includes.

    """
    return read(text_of(path), str(path), path.parent, installed)


def read(text: str, name: str, folder: Path = Path(), installed: Installed | None = None) -> Config:
    """Return the config in `text`; as `load`, with `name` as the file name in messages.

    Included files are searched in `folder` first.
    """
    text = text.removeprefix("\ufeff")
    problems = Problems(name, text)
    config = None
    root = compose(text, problems)
    if root is not None and not (isinstance(root, Scalar) and root.is_null):
        source_map = SourceMap()
        config = convert(include(root, folder, problems), Config, problems, source_map)
        if config is not None:
            check(config, source_map, problems, installed)
    elif not problems:
        problems.add(Location(1, 1), _EMPTY)
    if problems or config is None:
        raise problems.error()
    return config
