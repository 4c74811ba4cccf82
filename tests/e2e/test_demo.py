"""scripts/demo without a terminal: the synthetic person's conversation, told, and written down as sound."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from scripts import REPOSITORY
from scripts.demonstration.steps import StepMissing, step

LOUD = 1_000
IN_ORDER = (
    "pushes the button",
    "session.update came",
    "hears the greeting begin",
    "hears the greeting end",
    'says "What can you do for me?"',
    "hears the answer begin",
    'says "Wait, something else please."',
    "hears the answer break off",
    "hears the next answer begin",
    "over: nobody spoke",
)
FIGURES = (
    "press -> greeting heard: ",
    "speech_started -> silence: ",
    "first sample of a message in the room -> the message at the service: ",
    "answer, from its first to its last sample in the room: ",
)


def demo(folder: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scripts.demonstration", "--folder", str(folder)],
        cwd=REPOSITORY,
        env={**os.environ, "PATH": path or os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_terminal_it_holds_a_conversation_tells_it_in_order_and_writes_both_voices(tmp_path: Path) -> None:
    result = demo(tmp_path)

    assert result.returncode == 0, result.stderr
    told = result.stdout
    assert told.startswith("real: ")
    assert told.splitlines()[1].startswith("simulated: ")
    found = [told.find(what) for what in IN_ORDER]
    assert -1 not in found, told
    assert found == sorted(found), told
    for figure in FIGURES:
        assert figure in told
    assert "not measured" not in told
    for peak in _peaks(tmp_path / "demo.wav"):
        assert peak > LOUD


def test_without_espeak_ng_it_says_what_to_install(tmp_path: Path) -> None:
    result = demo(tmp_path, path=str(tmp_path))

    assert result.returncode == 1
    assert result.stderr == "demo: espeak-ng, the voice of everybody here, is not installed: apt install espeak-ng\n"


async def test_a_step_that_does_not_happen_is_named_with_what_the_daemon_said_last() -> None:
    with pytest.raises(StepMissing, match="this did not happen: the greeting is heard\nthe daemon's last words"):
        async with step("the greeting is heard", ["the daemon's last words"]):
            raise TimeoutError


def _peaks(path: Path) -> list[int]:
    with wave.open(str(path), "rb") as file:
        assert file.getnchannels() == 2
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    return [int(np.abs(frames[:, channel].astype(np.int32)).max()) for channel in (0, 1)]
