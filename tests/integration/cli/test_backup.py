"""`backup` and `restore` as they are typed."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from device_daemon.cli import main

CONFIG = "service: {local: true}\n"


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folders, with a name that is short enough for a socket's address."""
    with tempfile.TemporaryDirectory(prefix="home-") as folder:
        yield furnished(Path(folder), monkeypatch)


def furnished(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable, name in (("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state"), ("XDG_RUNTIME_DIR", "run")):
        (home / name / "voicelive-speaker").mkdir(parents=True)
        monkeypatch.setenv(variable, str(home / name))
    (home / "config/voicelive-speaker/config.yaml").write_text(CONFIG)
    (home / "state/voicelive-speaker/memory.json").write_text('{"muted": false, "volume": 30}')
    return home


def test_a_backup_is_restored_by_two_commands(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = home / "kitchen.tar.gz"
    assert main(["backup", str(archive)]) == 0
    config, memory = home / "config/voicelive-speaker/config.yaml", home / "state/voicelive-speaker/memory.json"
    config.write_text("service: {local: true, voice: alloy}\n")
    memory.unlink()
    assert main(["restore", str(archive)]) == 0
    assert config.read_text() == CONFIG
    assert "30" in memory.read_text()
    said = capsys.readouterr().out
    assert f"{archive}: written, without keys" in said
    assert f"{config}: restored" in said


def test_nothing_is_restored_under_a_running_speaker(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = home / "kitchen.tar.gz"
    assert main(["backup", str(archive)]) == 0
    memory = home / "state/voicelive-speaker/memory.json"
    memory.write_text("{}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(home / "run/voicelive-speaker/control.sock"))
        listener.listen(1)
        assert main(["restore", str(archive)]) == 1
    assert "systemctl stop voicelive-speaker" in capsys.readouterr().err
    assert memory.read_text() == "{}"


def test_what_is_no_backup_is_named_without_a_traceback(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "letter").write_text("Dear Lisa,")
    assert main(["restore", str(home / "letter")]) == 1
    assert "letter: is no backup that can be read" in capsys.readouterr().err
