"""Files that cannot be read are named in one clear sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from device_daemon.config.reader import load
from device_daemon.errors import EX_CONFIG, ConfigError


def problem(path: Path) -> str:
    """Return the one thing said about a file."""
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert caught.value.exit_code == EX_CONFIG
    (line,) = caught.value.problems
    return line


def test_a_file_is_read_and_called_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("service: {local: true}", encoding="utf-8")
    assert load(path).service.local
    path.write_text("service: {local: maybe}", encoding="utf-8")
    assert problem(path) == f"{path}:1:18: service.local: found 'maybe'; allowed: true or false"


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    assert problem(path) == f"{path}: does not exist; name the YAML file with --config"
    assert problem(tmp_path / "no" / "f").endswith("f: does not exist; name the YAML file with --config")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert problem(tmp_path) == f"{tmp_path}: is a folder; name the YAML file with --config"


def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    assert problem(path) == f"{path}: is no ordinary file; name the YAML file with --config"


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    path.touch()

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    # Root, as whom tests may run, is refused nothing.
    monkeypatch.setattr(Path, "open", refuse)
    assert problem(path) == f"{path}: this user may not read it; try 'sudo chmod a+r {path}'"


def test_a_file_on_a_broken_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.yaml"
    path.touch()

    def fail(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", fail)
    assert problem(path) == f"{path}: reading it failed (Input/output error); check the disk and the path"


def test_a_name_too_long_for_any_file_is_no_crash(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 300)
    assert problem(path) == f"{path}: reading it failed (File name too long); check the disk and the path"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"#" * 1_048_577, ": is larger than 1048576 bytes; is this the right file?"),
        ("service:\n  model: caf\xe9\n".encode("latin-1"), ":2:13: found the byte 0xE9, which is not UTF-8"),
        ("name: M\xfcller \xe9".encode()[:-1], ":1:14: found the byte 0xC3, which is not UTF-8"),
        ("service: {local: true}".encode("utf-16"), ":1:1: found UTF-16 text"),
        (b"\0\xff\xfe", ":1:2: found the byte 0xFF, which is not UTF-8"),
    ],
    ids=["too large", "latin-1", "cut off", "utf-16", "binary"],
)
def test_bytes_that_are_no_text_are_named_with_their_place(tmp_path: Path, data: bytes, sentence: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    assert problem(path) == f"{path}{sentence}" + ("" if "larger" in sentence else "; save the file as UTF-8")


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"\xef\xbb\xbfservice:\r\n  local: true\r\n")
    assert load(path).service.local
