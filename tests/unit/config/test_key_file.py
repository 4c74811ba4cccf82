"""A key file that others can read is named with the command that closes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_daemon.cli import main
from device_daemon.config.key_file import key_file_warning
from device_daemon.config.settings import Service


@pytest.mark.parametrize(
    ("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True), (0o660, True), (0o602, True)]
)
def test_a_key_file_for_others_is_warned_about(mode: int, warned: bool, tmp_path: Path) -> None:
    key = tmp_path / "the key"
    key.touch()
    key.chmod(mode)
    warning = key_file_warning(Service(api_key_file=str(key)))
    assert (warning is not None) is warned
    if warning:
        assert warning[1] == f"chmod 600 '{key}'"


def test_without_a_key_file_there_is_nothing_to_warn_about(tmp_path: Path) -> None:
    assert key_file_warning(Service()) is None
    assert key_file_warning(Service(api_key_file=str(tmp_path / "none"))) is None


def test_check_config_says_so_and_accepts_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key, config = tmp_path / "key", tmp_path / "config.yaml"
    key.touch()
    key.chmod(0o644)
    config.write_text(f"service: {{endpoint: 'https://kitchen.example', api_key_file: '{key}'}}", encoding="utf-8")
    assert main(["check-config", str(config)]) == 0
    out, err = capsys.readouterr()
    assert out == f"{config}: ok\n"
    assert (
        err
        == f"{key}: other users of this machine can read or change this key file (mode 0644); run: chmod 600 {key}\n"
    )
