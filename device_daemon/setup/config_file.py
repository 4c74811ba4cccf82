"""Edits of the YAML file that keep its comments and layout (a round trip through ruamel.yaml), checked before they count."""

from __future__ import annotations

import difflib
import io
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any, Final

import ruamel.yaml
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from device_daemon.config.problems import Path as KeyPath
from device_daemon.config.problems import dotted
from device_daemon.config.reader import read
from device_daemon.config.source import text_of
from device_daemon.errors import SpeakerError
from device_daemon.setup.key_path import WrongKeyPath

BACKUP_SUFFIX: Final = ".bak"
_NEW_FILE_MODE: Final = 0o644
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_DECIMAL: Final = re.compile(r"[-+]?[0-9]{1,9}\.[0-9]{1,9}")
_PLAIN: Final = re.compile(r"[A-Za-z]([\w ./@+-]|:[A-Za-z0-9/])*")
"""Texts that need no quotes anywhere. ruamel.yaml leaves them out elsewhere, too, by rules that not every loader has."""
_VERY_WIDE: Final = 4_096
"""Columns: lines are not wrapped anew."""


class NotWritten(SpeakerError):
    """The file cannot be written; the message says why."""


def changed(text: str, path: KeyPath, value: str) -> str:
    """Return the file's text with one value changed, as `replaced`. Pure.

    Args:
        text: The YAML file, which is free of errors.
        path: The key.
        value: As it would stand in the file. What begins with '[' or '{' is a list or a mapping.
    """
    return replaced(text, path, _value(value))


def replaced(text: str, path: KeyPath, value: Any) -> str:
    """Return the file's text with one value changed. Pure.

    Args:
        text: The YAML file, which is free of errors.
        path: The key; sections that are missing are added.
        value: The new value.

    Raises:
        WrongKeyPath: There is something else on the way, such as a text.
    """
    yaml = _round_trip()
    document = yaml.load(text)
    comments = ""
    if not isinstance(document, CommentedMap):
        document, comments = CommentedMap(), text  # there is nothing else in the file
    inner: Any = document
    for index, step in enumerate(path[:-1]):
        inner = _step_into(inner, step, path[: index + 1])
    _assign(inner, path, _quoted(value))
    written = io.StringIO()
    yaml.dump(document, written)
    return comments + written.getvalue()


def difference(before: str, after: str, name: str) -> str:
    """Return what a change does to a file, as `diff -u` shows it. Pure."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, f"{name} (new)", n=1
    )
    return "".join(lines)


def set_value(path: Path, key: KeyPath, value: str) -> str:
    """Change one value of a config file and return the difference, "" if there is none.

    The new text is checked as `check-config` does before it takes the place of the old one, which is kept as *.bak.

    Raises:
        ConfigError: The file is wrong already, or would be; nothing was written.
        WrongKeyPath: The key cannot be in this file.
        NotWritten: The folder or the disk does not allow it.
    """
    before = text_of(path)
    try:
        after = changed(before.removeprefix("\ufeff"), key, value)
    except YAMLError:
        read(before, str(path), path.parent)  # says it better
        raise
    read(after, str(path), path.parent)
    shown = difference(before, after, str(path))
    if shown:
        write(path, after)
    return shown


def _round_trip() -> ruamel.yaml.YAML:
    yaml = ruamel.yaml.YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = _VERY_WIDE
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _step_into(inner: Any, step: str | int, so_far: KeyPath) -> Any:
    if isinstance(step, int):
        if not isinstance(inner, list) or step >= len(inner):
            raise WrongKeyPath(f"this file has no {dotted(so_far)}; add it by hand")
        return inner[step]
    if not isinstance(inner, CommentedMap):
        raise WrongKeyPath(f"{dotted(so_far[:-1])} has no keys below it")
    if inner.get(step) is None:
        inner[step] = CommentedMap()
    return inner[step]


def _assign(inner: Any, path: KeyPath, value: Any) -> None:
    last = path[-1]
    if isinstance(last, int):
        if not isinstance(inner, list) or last > len(inner):
            raise WrongKeyPath(f"this file has no {dotted(path)}; add it by hand")
        if last == len(inner):
            inner.append(value)
        else:
            inner[last] = value
    elif isinstance(inner, CommentedMap):
        inner[last] = value
    else:
        raise WrongKeyPath(f"{dotted(path[:-1])} has no keys below it")


def _quoted(value: Any) -> Any:
    return DoubleQuotedScalarString(value) if isinstance(value, str) and not _PLAIN.fullmatch(value) else value


def _value(text: str) -> Any:
    """Return what a value on the command line means: a text, if it is no number, no yes or no, no list and no mapping."""
    if text.lstrip()[:1] in {"[", "{"}:
        try:
            return _round_trip().load(text)
        except YAMLError:
            return text
    if text in {"true", "false"}:
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def write(path: Path, text: str) -> None:
    """Put a new file in the place of the old one, with its owner and mode, at once or not at all; keep the old one.

    Raises:
        NotWritten: The folder or the disk does not allow it.
    """
    target = path.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        before = target.stat() if target.exists() else None
        if before is not None:
            shutil.copy2(target, f"{target}{BACKUP_SUFFIX}")
        with tempfile.NamedTemporaryFile(
            "w", dir=target.parent, prefix=".config-", encoding="utf-8", delete=False
        ) as file:
            try:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), before.st_mode & 0o7777 if before else _NEW_FILE_MODE)
                if before and os.getuid() == 0:
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
                os.fsync(file.fileno())
                Path(file.name).replace(target)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
    except PermissionError as error:
        raise NotWritten(f"{path}: this user may not change it; put sudo in front of the command.") from error
    except OSError as error:
        raise NotWritten(f"{path}: writing it failed ({error.strerror}); check the disk.") from error
