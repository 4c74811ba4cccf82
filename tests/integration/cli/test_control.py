"""Commands to a running speaker: which one is asked, and what is said where none answers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from device_daemon.cli import main
from device_daemon.cli.control import NOBODY, NoAnswer, ask_first
from device_daemon.errors import EX_UNAVAILABLE

STATUS = '{"volume": 40, "muted": true, "state": "muted"}\n'


@contextmanager
def speaker(path: Path, answer: Callable[[str], str]) -> Iterator[None]:
    """A control socket that answers one request."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(answer(connection.recv(1024).decode()).encode())

        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize(("command", "printed"), [("volume", "40\n"), ("mute", "on\n")])
def test_a_command_without_its_value_prints_the_value(
    command: str, printed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def answer(line: str) -> str:
        asked.append(line)
        return STATUS

    with speaker(tmp_path / "control.sock", answer):
        assert main([command, "--socket", str(tmp_path / "control.sock")]) == 0
    assert capsys.readouterr().out == printed
    assert asked == ["status --json\n"]


def test_a_text_is_sent_as_it_was_typed(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(line: str) -> str:
        asked.append(line)
        return "ok: announcing\n"

    with speaker(tmp_path / "control.sock", answer):
        assert main(["say", "--socket", str(tmp_path / "control.sock"), "-hot outside", "Gr\udcfc\udcdfe"]) == 0
    assert asked == ["say -- -hot outside Grüße\n"]


def test_without_a_speaker_the_command_that_starts_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match="systemctl start voicelive-speaker") as caught:
        ask_first([tmp_path / "none"], "press")
    assert str(caught.value) == NOBODY


def test_a_user_outside_the_group_gets_the_command_that_adds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Path] = []

    def refuse(path: Path, _line: str) -> str:
        asked.append(path)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("device_daemon.cli.control.ask", refuse)  # root, as whom tests may run, may ask all
    own, system = tmp_path / "own.sock", tmp_path / "system.sock"
    with pytest.raises(NoAnswer, match=r'run `sudo usermod -aG \w+ "\$USER"`, then log in again'):
        ask_first([own, system], "press")
    assert asked == [own, system], "a folder of somebody else does not hide the system's speaker"


def test_no_speaker_is_an_exit_code_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["press", "--socket", str(tmp_path / "none")]) == EX_UNAVAILABLE
    assert "no speaker is running here" in capsys.readouterr().err
