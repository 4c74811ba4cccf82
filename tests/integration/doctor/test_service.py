"""Service checks: unit properties, status of the running speaker, disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device_daemon.doctor import service as service_module
from device_daemon.doctor.findings import Finding, Status
from device_daemon.doctor.service import ServiceChecks, Storage, judge_mute, judge_status, judge_storage, judge_unit
from device_daemon.system.saved_state import Remembered

RUNNING = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "Result": "success",
    "ExecMainStatus": "0",
    "NRestarts": "0",
    "WatchdogUSec": "30s",
    "StatusText": "idle",
}
STATUS: dict[str, Any] = {
    "state": "idle",
    "failure": None,
    "muted": False,
    "volume": 80,
    "up_s": 12.3,
    "microphone": {"overruns": 0},
    "speaker": {"underruns": 0},
}


def wrong(findings: list[Finding]) -> dict[str, tuple[str, str]]:
    """What is not ok, by name: what is wrong, and its remedy."""
    return {finding.name: (finding.what, finding.remedy) for finding in findings if finding.status is not Status.OK}


def test_a_service_that_runs_is_ok() -> None:
    assert wrong(judge_unit(RUNNING)) == {}


@pytest.mark.parametrize(
    ("changes", "name", "words", "remedy"),
    [
        ({"LoadState": "not-found"}, "service", "not installed", ""),
        ({"ActiveState": "inactive"}, "service", "does not run", "systemctl start"),
        (
            {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "1"},
            "service",
            "ended with 1",
            "journalctl",
        ),
        ({"ActiveState": "failed", "ExecMainStatus": "78"}, "service", "ended with 78", "check-config"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, "service", "ended with", "journalctl"),
        ({"UnitFileState": "disabled"}, "start at boot", "not start", "systemctl enable"),
        ({"NRestarts": "3"}, "restarts", "3 times", "journalctl"),
        ({"WatchdogUSec": "0"}, "watchdog", "off", "WatchdogSec=30"),
        ({"WatchdogUSec": "infinity"}, "watchdog", "off", "WatchdogSec=30"),
        ({"Result": "watchdog"}, "watchdog", "hung", "journalctl"),
    ],
)
def test_what_is_wrong_with_the_unit_is_reported_with_its_remedy(
    changes: dict[str, str], name: str, words: str, remedy: str
) -> None:
    found = wrong(judge_unit(RUNNING | changes))
    assert list(found) == [name]
    assert words in found[name][0]
    assert remedy in found[name][1]


def test_without_systemd_the_service_is_not_checked() -> None:
    (finding,) = judge_unit({})
    assert finding.status is Status.SKIPPED


def test_a_running_speaker_that_complains_is_a_failure_and_its_xruns_are_a_note() -> None:
    assert wrong(judge_status(STATUS)) == {}
    assert "cannot look up" in wrong(judge_status(STATUS | {"failure": "cannot look up x"}))["speaker running"][0]
    assert wrong(judge_status(STATUS | {"speaker": {"underruns": 7}}))["speaker so far"][0] == "7 underruns"


def test_a_speaker_that_was_left_muted_or_at_volume_0_is_reported_running_or_not() -> None:
    assert judge_mute(Remembered(), None) == []
    assert list(wrong(judge_mute(Remembered(muted=True, volume=0), None))) == ["mute", "volume"]
    assert list(wrong(judge_mute(Remembered(), STATUS | {"muted": True, "volume": 0}))) == ["mute", "volume"]
    assert judge_mute(Remembered(muted=True, volume=0), STATUS) == []


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        (Storage(5_000, read_only=True, writable=False), "SD card"),
        (Storage(3, read_only=False, writable=True), "3 MB are free"),
        (Storage(5_000, read_only=False, writable=False), "cannot be written"),
    ],
)
def test_a_disk_that_cannot_be_written_is_reported(storage: Storage, words: str) -> None:
    finding = judge_storage(Path("/x"), storage, own=True)
    assert finding.status is Status.FAILED
    assert words in finding.what


def test_the_folder_of_the_service_need_not_be_writable_by_whoever_asks() -> None:
    assert judge_storage(Path("/x"), Storage(5_000, read_only=False, writable=False), own=False).status is Status.OK


# The control socket


@asynccontextmanager
async def listening(folder: Path, answer: str | None) -> AsyncIterator[ServiceChecks]:
    """A speaker that answers so, or (None) not at all."""

    hanging: list[asyncio.StreamWriter] = []

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if answer is None:
            hanging.append(writer)
        else:
            writer.write(answer.encode())
            writer.close()

    server = await asyncio.start_unix_server(serve, folder / "control.sock")
    try:
        yield ServiceChecks({"RUNTIME_DIRECTORY": str(folder)})
    finally:
        server.close()
        for writer in hanging:
            writer.close()
            await writer.wait_closed()


async def asked(service: ServiceChecks) -> Finding:
    (finding,) = [finding async for finding in service.check_speaker()]
    return finding


async def test_a_running_speaker_is_asked_and_keeps_its_cards(tmp_path: Path) -> None:
    async with listening(tmp_path, json.dumps(STATUS)) as service:
        assert (await asked(service)).status is Status.OK
        assert service.running
        assert "Ctrl-C" in service.stop_line
        service.unit = RUNNING
        assert service.stop_line == "sudo systemctl stop voicelive-speaker"


async def test_a_speaker_that_is_none_of_this_users_business_is_not_asked_again(tmp_path: Path) -> None:
    async with listening(tmp_path, "error: you may not control this speaker") as service:
        finding = await asked(service)
        assert finding.status is Status.SKIPPED
        assert finding.remedy == "sudo voicelive-speaker doctor"
        assert service.running


async def test_a_speaker_that_hangs_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_daemon.device.control_client.ANSWER_DEADLINE_S", 0.05)
    async with listening(tmp_path, None) as service:
        finding = await asked(service)
        assert finding.status is Status.FAILED
        assert "no answer in time" in finding.what
        assert service.running


async def test_where_none_runs_everything_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_daemon.system.paths.SYSTEM_RUNTIME", tmp_path / "none")
    service = ServiceChecks({"RUNTIME_DIRECTORY": str(tmp_path)})
    assert (await asked(service)).status is Status.OK
    assert not service.running
    service.unit = RUNNING
    assert (await asked(service)).status is Status.FAILED
    assert service.running


async def test_what_it_remembers_is_read_where_the_service_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "SYSTEM_STATE", tmp_path / "system")
    own = ServiceChecks({"STATE_DIRECTORY": str(tmp_path)})
    (tmp_path / "memory.json").write_text('{"muted": true, "volume": 0}', encoding="utf-8")
    assert own.remembered() == Remembered(muted=True, volume=0)
    assert ServiceChecks({}, unit=RUNNING).state_folder == tmp_path / "system"
    (tmp_path / "memory.json").write_text("{", encoding="utf-8")
    assert own.remembered() == Remembered()
    (finding,) = [finding async for finding in own.check_storage()]
    assert finding.measured["free_mb"] > 0
