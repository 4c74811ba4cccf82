"""From a file to a `Config`, or to all that is wrong with it."""

from __future__ import annotations

import codecs
from pathlib import Path

from device_daemon.config.checks import check
from device_daemon.config.convert import convert
from device_daemon.config.document import LARGEST_BYTES, compose
from device_daemon.config.nodes import Scalar
from device_daemon.config.places import Places
from device_daemon.config.problems import Problems, Spot, printable
from device_daemon.config.settings import Config
from device_daemon.errors import ConfigError

_EMPTY = (
    "found an empty file; allowed: at least 'service:' and below it 'endpoint: https://…' with the address of your "
    "Azure resource, or 'local: true' for the voice service on this machine"
)


def load(path: Path) -> Config:
    """Return the config in the file at `path`; raises ConfigError with everything that is wrong with it."""
    name = printable(str(path))
    try:
        # Asked first: opening a pipe to which nobody writes would wait for ever.
        if not path.is_file():
            what = "is a folder" if path.is_dir() else "is no ordinary file" if path.exists() else "does not exist"
            raise ConfigError([f"{name}: {what}; name the YAML file with --config"])
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except PermissionError:
        raise ConfigError([f"{name}: this user may not read it; try 'sudo chmod a+r {name}'"]) from None
    except OSError as error:
        raise ConfigError([f"{name}: reading it failed ({error.strerror}); check the disk and the path"]) from error
    if len(data) > LARGEST_BYTES:
        raise ConfigError([f"{name}: is larger than {LARGEST_BYTES} bytes; a config is not: name another file"])
    return read(_decoded(data, name), name)


def read(text: str, name: str) -> Config:
    """Return the config in `text`, called `name` in messages; raises ConfigError with everything that is wrong."""
    problems = Problems(name)
    config = None
    root = compose(text.removeprefix("\ufeff"), problems)
    if root is not None and not (isinstance(root, Scalar) and root.is_null):
        places = Places()
        config = convert(root, Config, problems, places)
        if config is not None:
            check(config, places, problems)
    elif not problems:
        problems.add(Spot(1, 1), _EMPTY)
    if problems or config is None:
        raise ConfigError(problems.lines())
    return config


def _decoded(data: bytes, name: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError([f"{name}:1:1: found UTF-16 text; save the file as UTF-8"])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        byte = f"0x{data[error.start]:02X}"
        told = f"{name}:{line}:{column}: found the byte {byte}, which is not UTF-8; save the file as UTF-8"
        raise ConfigError([told]) from None
