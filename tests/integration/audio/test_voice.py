from __future__ import annotations

import asyncio
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from device_daemon.audio import voice
from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.errors import VoiceMissing

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called espeak-ng before all others."""
    program = folder / "espeak-ng"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def wav(pcm: bytes, rate_hz: int, *, before_data: bytes = b"") -> bytes:
    """Return a WAV as programs write it to a pipe: with lengths they cannot know."""
    fmt = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate_hz * 2, 2, 16)
    head = struct.pack("<4sI4s", b"RIFF", 0x7FFFF024, b"WAVE")
    return head + fmt + before_data + struct.pack("<4sI", b"data", 0x7FFFF000) + pcm


def tone(rate_hz: int, seconds: float) -> bytes:
    t_s = np.arange(int(rate_hz * seconds)) / rate_hz
    samples: npt.NDArray[np.int16] = np.rint(10_000 * np.sin(2 * np.pi * 1000 * t_s)).astype("<i2")
    return samples.tobytes()


def runs(pid_file: Path) -> bool:
    return Path(f"/proc/{pid_file.read_text().strip()}").exists()


def pitch_hz(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, "<i2")
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * 24_000 / len(samples))


@needs_espeak
async def test_a_sentence_is_sound_of_a_sensible_length_and_level() -> None:
    pcm = await voice.speak("The voice service cannot be reached.")
    assert 1000 * BYTES_PER_MS < len(pcm) < 4000 * BYTES_PER_MS
    assert 8_000 < np.abs(np.frombuffer(pcm, "<i2").astype(int)).max() < 32_767


@needs_espeak
async def test_more_words_a_minute_take_less_time() -> None:
    slow = await voice.speak("One two three four five.", words_per_minute=100)
    fast = await voice.speak("One two three four five.", words_per_minute=250)
    assert len(fast) < 0.7 * len(slow)


@needs_espeak
@pytest.mark.parametrize("text", ["", " ", "\n"])
async def test_nothing_to_say_is_no_sound(text: str) -> None:
    assert await voice.speak(text) == b""


@needs_espeak
@pytest.mark.parametrize("text", ["-v zz --help", "grün 日本 \ud800", "<speak>", "a" * 500])
async def test_any_text_is_spoken_and_never_taken_for_an_option(text: str) -> None:
    assert len(await voice.speak(text)) > 100 * BYTES_PER_MS


@needs_espeak
async def test_an_unknown_voice_says_how_to_find_one() -> None:
    with pytest.raises(VoiceMissing, match=r"'zz' .*does not exist.*: choose one that `espeak-ng --voices` lists"):
        await voice.speak("Hello", voice="zz")


async def test_without_espeak_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(VoiceMissing, match="apt install espeak-ng"):
        await voice.speak("Hello")


async def test_the_text_goes_in_on_stdin_and_not_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(tmp_path, monkeypatch, f'cat > {tmp_path}/stdin; echo "$@" > {tmp_path}/arguments')
    await voice.speak("a secret", voice="de", words_per_minute=120)
    assert (tmp_path / "stdin").read_text() == "a secret"
    arguments = (tmp_path / "arguments").read_text()
    assert "secret" not in arguments
    assert "-v de -s 120" in arguments


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 48_000])
async def test_sound_of_any_rate_keeps_its_pitch_and_length(
    rate_hz: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tone.wav").write_bytes(wav(tone(rate_hz, 2.0), rate_hz))
    stand_in(tmp_path, monkeypatch, f"cat > /dev/null; cat {tmp_path}/tone.wav")
    pcm = await voice.speak("la")
    assert len(pcm) == pytest.approx(2000 * BYTES_PER_MS, abs=BYTES_PER_MS)
    assert pitch_hz(pcm) == pytest.approx(1000, abs=1)


@needs_espeak
async def test_letters_beyond_ascii_are_read_as_letters() -> None:
    assert len(await voice.speak("grün", voice="de")) < 1.3 * len(await voice.speak("grun", voice="de"))


async def test_other_parts_of_a_wav_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_by = struct.pack("<4sI4s", b"LIST", 4, b"test")
    made = wav(tone(24_000, 0.1), 24_000, before_data=made_by)
    made = made.replace(struct.pack("<4sI", b"data", 0x7FFFF000), struct.pack("<4sI", b"data", 4800)) + made_by
    (tmp_path / "tone.wav").write_bytes(made)
    stand_in(tmp_path, monkeypatch, f"cat > /dev/null; cat {tmp_path}/tone.wav")
    assert len(await voice.speak("la")) == 100 * BYTES_PER_MS


@pytest.mark.parametrize("size", [0, 5, 12, 20, 40, 44, 45])
async def test_a_wav_that_breaks_off_is_what_there_was(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tone.wav").write_bytes(wav(tone(24_000, 0.1), 24_000)[:size])
    stand_in(tmp_path, monkeypatch, f"cat > /dev/null; cat {tmp_path}/tone.wav")
    assert await voice.speak("la") == b""


async def test_an_espeak_that_hangs_is_ended_at_the_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    monkeypatch.setattr(voice, "DEADLINE_S", 0.3)
    with pytest.raises(VoiceMissing, match="did not finish"):
        await voice.speak("la")
    assert not runs(tmp_path / "pid")


async def test_a_cancelled_sentence_leaves_no_process_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(
        tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 60"
    )
    task = asyncio.create_task(voice.speak("la"))
    async with asyncio.timeout(5):
        while not (tmp_path / "pid").exists():  # noqa: ASYNC110 - a process cannot set an event
            await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not runs(tmp_path / "pid")
