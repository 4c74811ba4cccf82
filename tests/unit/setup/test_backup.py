"""A speaker goes into an archive without its keys, and comes out of it on another card."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest

from device_daemon.errors import ConfigError
from device_daemon.setup.backup import LARGEST_BYTES, BackupError, make, restore
from device_daemon.voicelive.device_code import FILE

KEY = "3f9c2d7e8a1b4c5d6e7f80912a3b4c5d"
CONFIG = """# The kitchen's.
include: [site.yaml, boards/button-led.yaml]
service: {endpoint: 'https://kitchen.services.ai.azure.com', api_key_file: %s}
"""
SITE = "names: {name: Lisa}\n"
MEMORY = '{"muted": true, "volume": 40}'


class Device:
    """The folders of one speaker."""

    def __init__(self, folder: Path) -> None:
        self.etc, self.state, self.credentials = folder / "etc", folder / "state", folder / "credstore"
        for made in (self.etc, self.etc / "boards", self.state / "greetings", self.credentials):
            made.mkdir(parents=True)
        self.config = self.etc / "config.yaml"
        (self.etc / "boards/button-led.yaml").write_text("audio: {speaker: {volume: 50}}\n")

    def furnished(self) -> Device:
        key_file = self.etc / "api-key"
        key_file.write_text(KEY)
        key_file.chmod(0o600)
        self.config.write_text(CONFIG % key_file)
        (self.etc / "site.yaml").write_text(SITE)
        (self.etc / "notes.txt").write_text("mine")
        (self.state / "memory.json").write_text(MEMORY)
        (self.state / "greetings/0123").write_bytes(b"sound")
        (self.credentials / "voicelive-speaker.api-key").write_text(KEY)
        (self.credentials / "other.password").write_text(KEY)
        return self

    def backed_up(self, archive: Path) -> Path:
        self.manifest = make(archive, self.config, self.state, credentials=[self.credentials, self.etc / "missing"])
        return archive


@pytest.fixture
def kitchen(tmp_path: Path) -> Device:
    return Device(tmp_path / "kitchen").furnished()


@pytest.fixture
def new(tmp_path: Path) -> Device:
    return Device(tmp_path / "new")


def packed(path: Path, members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.type = len(data) if kind == tarfile.REGTYPE else 0, kind
            tar.addfile(member, io.BytesIO(data))
    return path


def contents(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        files = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        return {name: file.read() for name, file in files.items() if file}


def test_the_archive_holds_config_and_state_and_no_key(kitchen: Device, tmp_path: Path) -> None:
    archive = kitchen.backed_up(tmp_path / "kitchen.tar.gz")
    found = contents(archive)
    assert set(found) == {
        "manifest.json",
        "config/config.yaml",
        "config/site.yaml",
        "config/boards/button-led.yaml",
        "state/memory.json",
    }
    assert KEY.encode() not in b"".join(found.values())
    assert archive.stat().st_mode & 0o777 == 0o600


def test_the_archive_names_the_credentials_that_have_to_be_set_again(kitchen: Device, tmp_path: Path) -> None:
    kitchen.backed_up(tmp_path / "kitchen.tar.gz")
    assert kitchen.manifest.credentials == ["api-key", f"service.api_key_file: {kitchen.etc / 'api-key'}"]


def test_a_sign_in_is_in_no_archive(kitchen: Device, tmp_path: Path) -> None:
    kitchen.config.write_text(
        "service: {endpoint: 'https://x.services.ai.azure.com', auth: entra, entra: device-code}\n"
    )
    (kitchen.state / FILE).write_text(KEY)
    assert KEY.encode() not in b"".join(contents(kitchen.backed_up(tmp_path / "kitchen.tar.gz")).values())
    assert "service.entra: a person's sign-in, made anew by voicelive-speaker setup" in kitchen.manifest.credentials


def test_another_device_becomes_the_one_of_the_archive(kitchen: Device, new: Device, tmp_path: Path) -> None:
    manifest, written = restore(kitchen.backed_up(tmp_path / "kitchen.tar.gz"), new.config, new.state)
    assert manifest == kitchen.manifest
    assert {path.name for path in written} == {"config.yaml", "site.yaml", "memory.json"}
    assert new.config.read_text() == kitchen.config.read_text()
    assert (new.etc / "site.yaml").read_text() == SITE
    assert (new.state / "memory.json").read_text() == MEMORY
    assert (new.state / "memory.json").stat().st_mode & 0o777 == 0o600
    assert new.config.stat().st_mode & 0o777 == 0o644
    assert not (new.etc / "api-key").exists()


def test_a_config_of_another_name_takes_the_place_of_the_one_that_is_read(new: Device, tmp_path: Path) -> None:
    kitchen = Device(tmp_path / "hall")
    kitchen.config = kitchen.etc / "hall.yaml"
    kitchen.config.write_text("service: {local: true}\n")
    restore(kitchen.backed_up(tmp_path / "a.tar.gz"), new.config, new.state)
    assert new.config.read_text() == "service: {local: true}\n"
    assert not (new.etc / "hall.yaml").exists()


def test_what_is_replaced_is_kept_and_what_is_the_same_is_left_alone(
    kitchen: Device, new: Device, tmp_path: Path
) -> None:
    archive = kitchen.backed_up(tmp_path / "kitchen.tar.gz")
    new.config.write_text("service: {local: true}\n")
    (new.etc / "site.yaml").write_text(SITE)
    _, written = restore(archive, new.config, new.state)
    assert {path.name for path in written} == {"config.yaml", "memory.json"}
    assert (new.etc / "config.yaml.before-restore").read_text() == "service: {local: true}\n"
    assert restore(archive, new.config, new.state)[1] == []


def test_a_config_that_is_wrong_on_this_device_changes_nothing(kitchen: Device, new: Device, tmp_path: Path) -> None:
    found = contents(kitchen.backed_up(tmp_path / "kitchen.tar.gz"))
    found["config/site.yaml"] = b"nmes: {name: Lisa}\n"
    new.config.write_text("service: {local: true}\n")
    with pytest.raises(ConfigError, match="nmes: unknown key"):
        restore(packed(tmp_path / "wrong.tar.gz", found), new.config, new.state)
    assert new.config.read_text() == "service: {local: true}\n"
    assert not (new.state / "memory.json").exists()


@pytest.mark.parametrize(
    "name", ["../etc/passwd", "/etc/passwd", "config/../../x.yaml", "state/greetings/0123", "state/a.sh", "x", "config"]
)
def test_a_member_that_belongs_nowhere_is_refused(kitchen: Device, new: Device, tmp_path: Path, name: str) -> None:
    found = contents(kitchen.backed_up(tmp_path / "kitchen.tar.gz")) | {name: b"x"}
    with pytest.raises(BackupError, match="no backup of a speaker has"):
        restore(packed(tmp_path / "wrong.tar.gz", found), new.config, new.state)
    assert not new.config.exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_links_devices_and_folders_are_refused(new: Device, tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(BackupError, match="no backup of a speaker has"):
        restore(packed(tmp_path / "wrong.tar.gz", {"config/config.yaml": b""}, kind), new.config, new.state)


def test_an_archive_without_bounds_is_refused(new: Device, tmp_path: Path) -> None:
    huge = packed(tmp_path / "huge.tar.gz", {"config/config.yaml": bytes(LARGEST_BYTES + 1)})
    many = packed(tmp_path / "many.tar.gz", {f"config/{number}.yaml": b"" for number in range(101)})
    for archive in (huge, many):
        with pytest.raises(BackupError, match="no backup of a speaker has"):
            restore(archive, new.config, new.state)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08 broken"])
def test_a_file_that_is_no_archive_is_named(new: Device, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "letter").write_bytes(content)
    with pytest.raises(BackupError, match="letter: is no backup"):
        restore(tmp_path / "letter", new.config, new.state)
    with pytest.raises(BackupError, match="nowhere: is no backup that can be read"):
        restore(tmp_path / "nowhere", new.config, new.state)


def test_an_archive_of_a_later_version_says_which(kitchen: Device, new: Device, tmp_path: Path) -> None:
    found = contents(kitchen.backed_up(tmp_path / "kitchen.tar.gz"))
    manifest = json.loads(found["manifest.json"]) | {"format": 2, "version": "7.0"}
    archive = packed(tmp_path / "later.tar.gz", found | {"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(BackupError, match=r"made by version 7\.0"):
        restore(archive, new.config, new.state)


def test_a_wrong_config_is_not_backed_up(kitchen: Device, tmp_path: Path) -> None:
    kitchen.config.write_text(f"service: {{local: true, api_key: {KEY}}}\n")
    with pytest.raises(ConfigError):
        kitchen.backed_up(tmp_path / "kitchen.tar.gz")
    assert not (tmp_path / "kitchen.tar.gz").exists()
