"""Support bundle: one archive with what is needed to help from a distance, without secrets."""

from __future__ import annotations

import errno
import importlib.metadata
import io
import json
import os
import platform
import shutil
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from device_daemon import __version__
from device_daemon.config.masking import mask
from device_daemon.doctor.checklist import CheckupResult
from device_daemon.doctor.findings import as_json, as_text, summary
from device_daemon.doctor.programs import run
from device_daemon.doctor.service import UNIT

FOLDER: Final = "voicelive-speaker-report"
JOURNAL_LINES: Final = 500
_LARGEST_BYTES: Final = 512 * 1024
_COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "journal.txt": (
        "journalctl",
        "-u",
        UNIT,
        "-n",
        str(JOURNAL_LINES),
        "--no-pager",
        "--no-hostname",
        "-o",
        "short-iso",
    ),
    "unit.txt": ("systemctl", "cat", "--no-pager", UNIT),
    "unit-state.txt": ("systemctl", "show", "--no-pager", UNIT),
    "usb.txt": ("lsusb",),
    "pins.txt": ("gpioinfo",),
}
_FILES: Final = ("etc/os-release", "proc/device-tree/model", "boot/firmware/config.txt", "etc/asound.conf")
_FOLDERS: Final = ("proc/asound",)
_MOST_FILES: Final = 300
_PACKAGES: Final = (
    "aiohttp",
    "azure-ai-voicelive",
    "azure-identity",
    "gpiozero",
    "lgpio",
    "msgspec",
    "numpy",
    "pyalsaaudio",
    "pymicro-wakeword",
    "pyyaml",
    "systemd-python",
)


def write(path: Path, config_path: Path, outcome: CheckupResult, root: Path = Path("/")) -> list[str]:
    """Write the bundle to `path` (mode 0600), replacing what is there, and return the names of what is in it.

    Raises OSError if it cannot be written. A part that cannot be read is replaced by the reason.
    """
    contents: dict[str, str] = {}
    for name, read in _parts(config_path, outcome, root):
        try:
            text = read()
        except OSError as error:
            text = f"(cannot be read: {error})\n"
        contents[name] = mask(text[-_LARGEST_BYTES:], outcome.secrets)
    now_s = int(time.time())
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        # Under sudo, the archive belongs to the user who ran it, who has to send it.
        if os.getuid() == 0 and (owner := os.environ.get("SUDO_UID", "")).isdecimal():
            os.fchown(descriptor, int(owner), -1)
        with tarfile.open(fileobj=file, mode="w:gz") as archive:
            for name, text in contents.items():
                data = text.encode()
                member = tarfile.TarInfo(f"{FOLDER}/{name}")
                member.size, member.mtime, member.mode = len(data), now_s, 0o600
                archive.addfile(member, io.BytesIO(data))
    return list(contents)


def _parts(config_path: Path, outcome: CheckupResult, root: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    findings, status = outcome.findings, outcome.status
    yield "findings.txt", lambda: "\n".join([*map(as_text, findings), "", summary(findings), ""])
    yield "findings.json", lambda: as_json(findings)
    yield "doctor.log", lambda: outcome.log
    yield "config.yaml", partial(_text, config_path)
    yield "versions.txt", _versions
    # In a child process: opening a card may block for ever if its driver is broken.
    list_devices = (sys.executable, "-m", "device_daemon", "devices", "--config", str(config_path))
    yield "devices.txt", partial(_output, list_devices)
    if status is not None:
        yield "status.json", lambda: json.dumps(status, indent=2)
    for name, command in _COMMANDS.items():
        if shutil.which(command[0]):
            yield name, partial(_output, command)
    for file in _FILES:
        if (root / file).is_file():
            yield file, partial(_text, root / file)
    for folder in _FOLDERS:
        paths = sorted(path for path in (root / folder).rglob("*") if path.is_file())
        for path in paths[:_MOST_FILES]:
            yield str(path.relative_to(root)), partial(_text, path)


def _text(path: Path) -> str:
    if not path.is_file():
        raise FileNotFoundError(errno.ENOENT, "not a regular file", str(path))  # opening a FIFO would block for ever
    with path.open("rb") as file:
        return file.read(_LARGEST_BYTES).decode(errors="replace")


def _output(command: Sequence[str]) -> str:
    answer = run(*command)
    return answer.stdout + answer.stderr


def _versions() -> str:
    lines = [f"voicelive-speaker {__version__}", f"python {sys.version}", " ".join(platform.uname()), ""]
    for package in _PACKAGES:
        try:
            lines.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{package} is not installed")
    return "\n".join([*lines, ""])
