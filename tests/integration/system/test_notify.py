"""What systemd hears from the daemon."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from device_daemon.system.notify import notify


def test_systemd_gets_all_lines_in_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1", "STATUS=idle")
        assert systemd.recv(100) == b"READY=1\nSTATUS=idle"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
