"""Backup of a speaker and its restore: config, state, and which credentials there were; never a key.

An archive holds exactly these members:

    manifest.json           version, host, when; the config's file name; the names of credentials
    config/...              the config file, the files it includes from its own folder, and wake word models beside them
    state/NAME.json         what the device remembers: volume, mute, timers, names

Boards and the example belong to the package, cached greetings are made anew, and keys are set again.
"""

from __future__ import annotations

import io
import os
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec
from msgspec import Struct

from device_daemon import __version__
from device_daemon.config.reader import load
from device_daemon.config.settings import Config, WakeWordTrigger
from device_daemon.errors import SpeakerError
from device_daemon.system.file_writer import write_atomically

FORMAT: Final = 1
LARGEST_BYTES: Final = 8 * 1024 * 1024
"""Of one file; a wake word model is the largest."""
MOST_FILES: Final = 100
CREDENTIAL_FOLDERS: Final = (Path("/etc/credstore"), Path("/etc/credstore.encrypted"))
_PREFIX: Final = "voicelive-speaker."
_MODEL_SUFFIXES: Final = (".json", ".tflite")
_CONFIG_MODE: Final = 0o644


class BackupError(SpeakerError):
    """No backup, or none that can be restored."""

    notice = "settings"


class Manifest(Struct, frozen=True):
    """What an archive says about itself."""

    format: int
    version: str
    hostname: str
    made_at: str
    config: str
    """The name of the config file."""
    credentials: list[str]
    """Names of systemd credentials, and settings that name a key file."""


def make(
    archive: Path, config_file: Path, state: Path, *, credentials: Sequence[Path] = CREDENTIAL_FOLDERS
) -> Manifest:
    """Write an archive that only its owner can read.

    Args:
        archive: The file to write; replaced if it is there.
        config_file: The config; it must be right.
        state: The folder of the device's state.
        credentials: Where credentials are; only their names are read.

    Raises:
        BackupError: something cannot be read or written.
        ConfigError: the config is wrong.
    """
    config = load(config_file)
    manifest = Manifest(
        format=FORMAT,
        version=__version__,
        hostname=os.uname().nodename,
        made_at=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        config=config_file.name,
        credentials=sorted({*_stored(credentials), *_key_files(config)}),
    )
    members = {"manifest.json": msgspec.json.format(msgspec.json.encode(manifest), indent=2)}
    members |= {
        f"config/{path.relative_to(config_file.parent)}": _read(path) for path in _config_files(config, config_file)
    }
    members |= {f"state/{path.name}": _read(path) for path in _state_files(state)}
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(data), int(time.time()), _CONFIG_MODE
            tar.addfile(member, io.BytesIO(data))
    try:
        write_atomically(archive, content.getvalue())
    except OSError as error:
        raise BackupError(f"{archive}: cannot be written ({error.strerror or error}); name another file") from error
    return manifest


def restore(archive: Path, config_file: Path, state: Path) -> tuple[Manifest, list[Path]]:
    """Put an archive's config and state in place, if its config is right on this device.

    A file that changes is kept beside the new one as NAME.before-restore. Nothing is changed if anything is wrong.

    Args:
        archive: What `make` wrote.
        config_file: Where the config goes; the files it includes go beside it.
        state: The folder of the device's state; the speaker must not be running.

    Returns:
        What the archive says about itself, and the files that were written.

    Raises:
        BackupError: it is no such archive, or something cannot be written.
        ConfigError: its config is wrong on this device, as where a board's file is missing.
    """
    members = _unpacked(archive)
    manifest = _manifest(archive, members.pop("manifest.json", b""))
    targets = {_target(archive, name, config_file, state, manifest): data for name, data in members.items()}
    with tempfile.TemporaryDirectory(prefix="voicelive-speaker-restore-") as staged:
        for path, data in targets.items():
            if path.is_relative_to(config_file.parent):
                copy = Path(staged, path.relative_to(config_file.parent))
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(data)
        load(Path(staged, config_file.name))
    written = []
    for path, data in targets.items():
        if _put(path, data, readable=not path.is_relative_to(state)):
            written.append(path)
    return manifest, written


def _config_files(config: Config, config_file: Path) -> Iterator[Path]:
    """Yield the config, what it includes from its own folder, and the wake word models in there."""
    folder = config_file.parent
    yield config_file
    for name in config.include:
        if (folder / name).is_file():  # else it is one of the package's
            yield folder / name
    for trigger in config.triggers:
        word = Path(trigger.word) if isinstance(trigger, WakeWordTrigger) else Path()
        for path in (word.with_suffix(suffix) for suffix in _MODEL_SUFFIXES if word.is_absolute()):
            if path.is_relative_to(folder) and path.is_file():
                yield path


def _state_files(state: Path) -> list[Path]:
    try:
        return sorted(path for path in state.glob("*.json") if path.is_file())
    except OSError as error:
        raise BackupError(f"{state}: cannot be read ({error.strerror or error}); run this with sudo") from error


def _stored(folders: Sequence[Path]) -> Iterator[str]:
    for folder in folders:
        try:
            yield from (path.name.removeprefix(_PREFIX) for path in folder.iterdir() if path.name.startswith(_PREFIX))
        except OSError:  # not there, or not for this user: what is named there cannot be said
            continue


def _key_files(config: Config) -> Iterator[str]:
    """Yield the settings of the service that name a file with a secret."""
    for settings, section in ((config.service, "service"), (config.service.entra, "service.entra")):
        for name in settings.__struct_fields__:
            if name.endswith("_file") and name != "ca_file" and getattr(settings, name):
                yield f"{section}.{name}: {getattr(settings, name)}"
    if config.service.auth == "entra" and config.service.entra.method == "device-code":
        yield "service.entra: a person's sign-in, made anew by voicelive-speaker setup"


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise BackupError(f"{path}: cannot be read ({error.strerror or error}); run this with sudo") from error
    if len(data) > LARGEST_BYTES:
        raise BackupError(f"{path}: is larger than {LARGEST_BYTES // 1024 // 1024} MiB; it is no file of a speaker")
    return data


def _unpacked(archive: Path) -> dict[str, bytes]:
    """Return the members of an archive by name. Only plain files of sane names, numbers and sizes are one of ours."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            while (member := tar.next()) is not None:
                if not member.isreg() or member.size > LARGEST_BYTES or len(found) >= MOST_FILES:
                    raise BackupError(f"{archive}: holds {member.name!r}, which no backup of a speaker has")
                file = tar.extractfile(member)
                found[member.name] = file.read() if file else b""
    except (OSError, EOFError, tarfile.TarError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise BackupError(f"{archive}: is no backup that can be read ({reason})") from error
    return found


def _manifest(archive: Path, content: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{archive}: is no backup of a speaker (its manifest.json: {error})") from error
    if manifest.format > FORMAT:
        raise BackupError(
            f"{archive}: was made by version {manifest.version}; install that version or a newer one first"
        )
    return manifest


def _target(archive: Path, name: str, config_file: Path, state: Path, manifest: Manifest) -> Path:
    """Return where a member belongs."""
    path = PurePosixPath(name)
    kind, inner = path.parts[0], PurePosixPath(*path.parts[1:])
    if path.is_absolute() or ".." in path.parts or not inner.parts or "\0" in name:
        kind = ""
    if kind == "config":
        return config_file if str(inner) == manifest.config else config_file.parent / inner
    if kind == "state" and len(inner.parts) == 1 and inner.suffix == ".json":
        return state / inner
    raise BackupError(f"{archive}: holds {name!r}, which no backup of a speaker has")


def _put(path: Path, data: bytes, *, readable: bool) -> bool:
    """Write a file unless it is the same already; its old content stays beside it."""
    try:
        before = path.read_bytes() if path.exists() else None
        if before == data:
            return False
        if before is not None:
            write_atomically(path.with_name(f"{path.name}.before-restore"), before)
        write_atomically(path, data)
        if readable:
            path.chmod(_CONFIG_MODE)
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
    except OSError as error:
        raise BackupError(f"{path}: cannot be written ({error.strerror or error}); run this with sudo") from error
    return True
