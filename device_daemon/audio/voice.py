"""The device's own voice, text to speech by espeak-ng, on this machine, without network.

It speaks the notices (`sounds`) and lends the local voice service its voice. A sentence takes some 15 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct

from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.errors import VoiceMissing
from device_daemon.system.program import environment_for_programs

DEADLINE_S = 5.0
"""espeak-ng runs hundreds of times faster than real time: what takes longer does not end."""
LARGEST_WAV_BYTES = 32 * 1024 * 1024
"""Twelve minutes of speech; a child that writes more is ended."""
_LARGEST_COMPLAINT_BYTES = 8 * 1024

_RIFF_HEADER_BYTES = 12
_PIECE_BYTES = 32_768
"""The resampler needs some hundred times the memory of what it is given at once."""


async def speak(text: str, *, voice: str = "en", words_per_minute: int = 165, deadline_s: float = DEADLINE_S) -> bytes:
    """Return `text` spoken, as pcm (24 kHz, mono, 16 bit); blank text is `b""`.

    `voice` is an espeak-ng voice (`espeak-ng --voices` lists them). Raises VoiceMissing if espeak-ng is not
    installed, does not know the voice, is not done within `deadline_s`, or writes without end.
    """
    if not text.strip():
        return b""
    wav = await _run_espeak(text, voice, words_per_minute, deadline_s)
    # Off the loop: a minute of speech takes longer to convert than the microphone may wait.
    return await asyncio.to_thread(_pcm_from_wav, wav)


async def _run_espeak(text: str, voice: str, words_per_minute: int, deadline_s: float) -> bytes:
    """Return what espeak-ng writes: a WAV. The text goes in on stdin, so that `ps` shows nobody what is said."""
    # -b 1: the text is UTF-8 whatever the locale. -z: no pause after the last sentence, which would delay what follows.
    # -a 90: at the usual 100 some words reach full scale, and resampling would clip them.
    arguments = ["--stdin", "--stdout", "-b", "1", "-z", "-a", "90", "-v", voice, "-s", str(words_per_minute)]
    try:
        process = await asyncio.create_subprocess_exec(
            "espeak-ng",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment_for_programs(os.environ),
        )
    except OSError as error:
        raise VoiceMissing(
            f"espeak-ng, which speaks for the device itself, cannot be run ({error.strerror}): apt install espeak-ng"
        ) from error
    try:
        async with asyncio.timeout(deadline_s):
            # One after the other: a child that fills the other pipe meanwhile waits, until the deadline ends it.
            await _feed(process.stdin, text)
            wav = await _read(process.stdout, LARGEST_WAV_BYTES)
            complaint = await _read(process.stderr, _LARGEST_COMPLAINT_BYTES)
            await process.wait()
    except TimeoutError as error:
        raise VoiceMissing(
            f"espeak-ng did not finish within {deadline_s:g} s: this device is too busy, or the text too long"
        ) from error
    finally:
        if process.returncode is None:
            process.kill()
            # Empties the pipes, else they stay open until the garbage is collected.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await process.communicate()
    if process.returncode != 0:
        said = complaint.decode(errors="replace").strip() or f"exit code {process.returncode}"
        raise VoiceMissing(
            f"espeak-ng does not speak with voice {voice!r} ({said}): choose one that `espeak-ng --voices` lists"
        )
    return wav


async def _feed(pipe: asyncio.StreamWriter | None, text: str) -> None:
    assert pipe is not None  # noqa: S101 - it was asked for
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it ends without reading: its exit code says why
        pipe.write(text.encode(errors="replace"))
        await pipe.drain()
    pipe.close()


async def _read(pipe: asyncio.StreamReader | None, most_bytes: int) -> bytes:
    """Return what the child writes until it closes the pipe. Raises VoiceMissing for more than `most_bytes`."""
    assert pipe is not None  # noqa: S101 - it was asked for
    read = bytearray()
    while piece := await pipe.read(_PIECE_BYTES):
        read += piece
        if len(read) > most_bytes:
            raise VoiceMissing("espeak-ng writes without end: reinstall it with `apt install --reinstall espeak-ng`")
    return bytes(read)


def _pcm_from_wav(wav: bytes) -> bytes:
    """Return the samples of a mono 16-bit WAV at 24 kHz.

    Not the `wave` module: a WAV written to a pipe carries invented lengths, which it refuses on some versions.
    """
    rate_hz = SAMPLE_RATE_HZ
    at = _RIFF_HEADER_BYTES
    while at + 8 <= len(wav):
        name, length = struct.unpack_from("<4sI", wav, at)
        at += 8
        if name == b"fmt " and at + 8 <= len(wav):
            (rate_hz,) = struct.unpack_from("<I", wav, at + 4)
        elif name == b"data":
            data = wav[at : at + length]
            return _resample(data[: len(data) // 2 * 2], rate_hz)
        at += length
    return b""


def _resample(pcm: bytes, from_hz: int) -> bytes:
    from device_daemon.audio.convert import Resampler  # noqa: PLC0415 - numpy, only once something is spoken

    resampler = Resampler(from_hz, SAMPLE_RATE_HZ)
    pieces = [pcm[at : at + _PIECE_BYTES] for at in range(0, len(pcm), _PIECE_BYTES)]
    return b"".join([resampler.process(piece) for piece in pieces] + [resampler.flush()])
