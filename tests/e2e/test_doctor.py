"""`voicelive-speaker doctor` on whole devices: one that works, some that do not, and one that is not there."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from device_daemon.localservice.faults import Faults
from scripts.rig.device import DEADLINE_S, KEY, config_for
from tests.e2e.room import Room

ECHO_MS = 40.0
ECHO_DB = -12.0
AUDIO = {"microphone": {"periods": 16}, "speaker": {"periods": 16, "volume": 100}}
TRIGGERS = [
    {"type": "button", "pin": 17, "greeting": "welcome"},
    {"type": "button", "pin": 27, "mode": "push-to-talk"},
    {"type": "wake-word", "word": "okay_nabu"},
    {"type": "motion", "pin": 4},
    {"type": "schedule", "at": "07:30", "days": "mon-fri"},
]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor said."""

    code: int
    stdout: str
    stderr: str

    @property
    def findings(self) -> dict[str, dict[str, Any]]:
        """Of a report in JSON, by name."""
        return {finding["name"]: finding for finding in json.loads(self.stdout)["findings"]}

    @property
    def failed(self) -> list[str]:
        return [name for name, finding in self.findings.items() if finding["status"] == "failed"]


async def doctor(config: Path, environment: Mapping[str, str], *arguments: str) -> Diagnosis:
    """Call the doctor, as a process, to a device with this config."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "device_daemon",
        "doctor",
        "--config",
        str(config),
        *arguments,
        env={**os.environ, "GPIOZERO_PIN_FACTORY": "mock", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE_S):
        said, complained = await process.communicate()
    assert process.returncode is not None
    assert KEY.encode() not in said + complained
    assert b"Traceback" not in complained, complained.decode()
    return Diagnosis(process.returncode, said.decode(), complained.decode())


def device(room: Room, **sections: Any) -> tuple[Path, dict[str, str]]:
    """The config and the environment of a speaker in that room, in which it is quiet and walls give an echo."""
    config = room.folder / "config.yaml"
    sections = {"audio": AUDIO, "triggers": TRIGGERS} | sections
    config.write_text(yaml.safe_dump(config_for(room.service.endpoint, **sections)), encoding="utf-8")
    room.card.set_echo([(ECHO_MS, 10 ** (ECHO_DB / 20))])
    quiet = np.random.default_rng(7).normal(0, 20, 24_000 * 20)
    room.card.say(quiet.astype(np.int16))
    return config, {
        **room.card.environment(),
        "AZURE_VOICELIVE_API_KEY": KEY,
        "STATE_DIRECTORY": str(room.folder / "state"),
        "RUNTIME_DIRECTORY": str(room.folder / "run"),
    }


async def test_a_device_that_works_is_found_in_order_with_its_measures(room: Room) -> None:
    diagnosis = await doctor(*device(room), "--json")
    findings = diagnosis.findings
    assert (diagnosis.code, diagnosis.failed) == (0, [])
    for name in ("config", "credential", "line", "session", "speaker", "microphone", "echo", "led on pin 25"):
        assert findings[name]["status"] == "ok", findings[name]
    assert "late_ms" in findings["echo"]["measured"]  # how well it is measured is the unit test's
    assert findings["echo"]["measured"]["echo_db"] == pytest.approx(ECHO_DB, abs=0.7)
    for name in ("button on pin 17", "button on pin 27", "wake word okay_nabu", "motion sensor on pin 4"):
        assert findings[name]["status"] == "ok", findings[name]
    order = ["schedule 07:30 mon-fri", "microphone", "echo", "wake word okay_nabu", "gpio", "motion sensor on pin 4"]
    assert [name for name in findings if name in order] == order
    assert "at 07:30" in findings["schedule 07:30 mon-fri"]["what"]
    assert findings["person"]["status"] == "skipped"
    assert "session.update" in room.session.types("in")
    assert not room.card.microphone_open
    assert not room.card.speaker_open


async def test_failures_are_reported_with_their_remedies_counted_and_packed_without_secrets(room: Room) -> None:
    room.service.faults = Faults(refuse_status=401)
    room.card.unplug()
    config, environment = device(room, service={"proxy": None, "instructions": f"my key is {'a1' * 16} or {KEY}"})
    report = room.folder / "report.tar.gz"
    diagnosis = await doctor(config, environment, "--report", str(report))
    lines = diagnosis.stdout.splitlines()
    assert diagnosis.code == sum(" FAILED " in line for line in lines)
    assert {line.split()[0] for line in lines if " FAILED " in line} >= {"session", "speaker", "microphone"}
    assert "refused the key" in diagnosis.stdout
    assert "wake words          skipped  needs what failed above: microphone" in lines
    assert lines[-1].startswith(f"{diagnosis.code} failures")
    assert report.stat().st_mode & 0o077 == 0

    with tarfile.open(report) as archive:
        contents = {
            Path(member.name).name: file.read().decode()
            for member in archive.getmembers()
            if (file := archive.extractfile(member)) is not None
        }
    assert {"findings.txt", "findings.json", "config.yaml", "versions.txt", "devices.txt", "doctor.log"} <= set(
        contents
    )
    assert "my key is (hidden) or (hidden)" in contents["config.yaml"]
    assert room.service.endpoint in contents["config.yaml"]
    everything = "\n".join(contents.values())
    assert KEY not in everything
    assert "a1" * 16 not in everything


async def test_a_running_speaker_keeps_its_cards_and_is_asked_instead(room: Room) -> None:
    config, environment = device(room)
    environment["RUNTIME_DIRECTORY"] = str(room.folder / "speaker" / "run")
    async with room.speaker() as speaker:
        await room.probed()
        diagnosis = await doctor(config, environment, "--json")
        assert speaker.state == "idle"
    findings = diagnosis.findings
    assert (diagnosis.code, diagnosis.failed) == (0, [])
    assert findings["speaker running"]["what"].startswith("idle")
    assert "schedule 07:30 mon-fri" in findings
    for name in ("microphone", "speaker", "wake words", "lights and buttons"):
        assert findings[name]["status"] == "skipped"
        assert "the running speaker is using it" in findings[name]["what"]
        assert findings[name]["remedy"]
    assert findings["session"]["status"] == "ok"


async def test_where_there_is_nothing_each_thing_says_so(tmp_path: Path) -> None:
    environment = {
        "ALSA_CONFIG_PATH": "/dev/null",
        "STATE_DIRECTORY": str(tmp_path),
        "RUNTIME_DIRECTORY": str(tmp_path),
        "AZURE_VOICELIVE_API_KEY": "",
        "GPIOZERO_PIN_FACTORY": "",
    }
    diagnosis = await doctor(tmp_path / "none.yaml", environment, "--json", "--report", str(tmp_path))
    assert f"{tmp_path}: cannot be written: Is a directory" in diagnosis.stderr
    assert diagnosis.code == len(diagnosis.failed)
    assert {"config", "speaker", "microphone"} <= set(diagnosis.failed)
    assert diagnosis.findings["config"]["what"].startswith(f"{tmp_path}/none.yaml: does not exist")
    assert all(diagnosis.findings[name]["remedy"] for name in diagnosis.failed)
    skipped = {name for name, finding in diagnosis.findings.items() if finding["status"] == "skipped"}
    assert {"credential", "session", "lights and buttons"} <= skipped
