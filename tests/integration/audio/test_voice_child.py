"""The child that speaks gets no key, and neither hangs nor floods this program."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from device_daemon.audio import voice
from device_daemon.errors import VoiceMissing


def stand_in(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program called espeak-ng before the real one."""
    program = folder / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


async def test_the_key_is_not_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_VOICELIVE_API_KEY", "the-secret")
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "the-secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    stand_in(tmp_path, f"env >{tmp_path}/seen; cat >/dev/null", monkeypatch)
    await voice.speak("hello")
    seen = (tmp_path / "seen").read_text(encoding="utf-8")
    assert "PATH=" in seen
    assert "the-secret" not in seen
    assert "CREDENTIALS_DIRECTORY" not in seen


async def test_one_that_hangs_is_ended_at_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, f"echo $$ >{tmp_path}/pid; exec sleep 1000", monkeypatch)
    with pytest.raises(VoiceMissing, match=r"did not finish within 0\.3 s"):
        await voice.speak("hello", deadline_s=0.3)
    pid = int((tmp_path / "pid").read_text(encoding="ascii"))
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("pipe", ["", ">&2"])
async def test_one_that_writes_without_end_costs_no_more_memory_than_the_bound(
    pipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, f"exec yes {pipe}", monkeypatch)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(VoiceMissing, match=r"without end|did not finish"):
        await voice.speak("hello", deadline_s=2.0)
    grown_bytes = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) * 1024
    assert grown_bytes < 3 * voice.LARGEST_WAV_BYTES
