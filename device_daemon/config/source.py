"""Reads the text of a config file, with a size limit."""

from __future__ import annotations

import codecs
from pathlib import Path

from device_daemon.config.document import LARGEST_BYTES
from device_daemon.config.problems import printable
from device_daemon.errors import ConfigError


def text_of(path: Path) -> str:
    """Return the text in the file at `path`; raises ConfigError with one line that says why it cannot be read."""
    name = printable(str(path))
    try:
        # Checked first: opening a FIFO without a writer would block for ever.
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
        raise ConfigError([f"{name}: is larger than {LARGEST_BYTES} bytes; is this the right file?"])
    return _decoded(data, name)


def _decoded(data: bytes, name: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError([f"{name}:1:1: found UTF-16 text; save the file as UTF-8"])
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        byte = f"0x{data[error.start]:02X}"
        sentence = f"{name}:{line}:{column}: found the byte {byte}, which is not UTF-8; save the file as UTF-8"
        raise ConfigError([sentence]) from None
