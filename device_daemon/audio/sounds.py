"""What the device says by itself: short sounds, and spoken notices for when the voice service cannot speak.

The sentences stand in `language`, a file per language.
"""

from __future__ import annotations

import logging
import math
import sys
from array import array
from functools import cache
from typing import Literal

from device_daemon.audio import voice
from device_daemon.audio.pcm import BYTES_PER_MS, FULL_SCALE, SAMPLE_RATE_HZ
from device_daemon.errors import VoiceMissing
from device_daemon.language.language import Language, Utterance

logger = logging.getLogger(__name__)

Earcon = Literal["ready", "error", "muted", "unmuted", "moment", "timer"]

_EARCONS: dict[Earcon, tuple[tuple[float, int], ...]] = {
    "ready": ((784.0, 0), (1174.7, 80)),
    "error": ((392.0, 0), (311.1, 110)),
    "muted": ((659.3, 0), (440.0, 70)),
    "unmuted": ((440.0, 0), (659.3, 70)),
    "moment": ((587.3, 0), (587.3, 110)),
    "timer": ((880.0, 0), (1108.7, 120), (1318.5, 240), (880.0, 480), (1108.7, 600), (1318.5, 720)),
}
"""Notes: pitch in Hz, start in ms. Rising is "go on", falling is "it is over", low is "trouble", level is "wait"; a timer
rings with a chord that rises twice."""

NOTE_MS = 130
_ATTACK_MS = 8
_RELEASE_MS = 40
_DECAY_MS = 60
_PEAK = 0.3
"""Of full scale, -10 dB: about as loud as the notices' voice."""

_PAUSE_MS = 100
_spoken: dict[Utterance, bytes] = {}


@cache
def earcon(name: Earcon) -> bytes:
    """Return a short soft sound as pcm (24 kHz, mono, 16 bit), at most 250 ms long; that of timers 850 ms."""
    notes = _EARCONS[name]
    length = _samples(max(start_ms for _, start_ms in notes) + NOTE_MS)
    mixed = [0.0] * length
    for pitch_hz, start_ms in notes:
        for i, value in enumerate(_note(pitch_hz), start=_samples(start_ms)):
            mixed[i] += value
    scale = _PEAK * FULL_SCALE / max(map(abs, mixed))
    # Not numpy: these few thousand samples take less time than importing it.
    pcm = array("h", (round(value * scale) for value in mixed))
    if sys.byteorder == "big":
        pcm.byteswap()
    return pcm.tobytes()


def prepared_notice(name: str, language: Language) -> bytes:
    """Return a notice that was spoken before, without waiting; else its earcon alone (24 kHz, mono, 16 bit).

    That of timers is an earcon without a sentence.
    """
    utterance = language.notices.get(name)
    return (_spoken.get(utterance) if utterance else None) or earcon(_earcon_of(name))


async def notice(name: str, language: Language) -> bytes:
    """Return an earcon and the sentence of that name, as pcm (24 kHz, mono, 16 bit).

    Without espeak-ng it is the earcon alone, and the log says what is missing.
    """
    utterance = language.notices[name]
    if utterance not in _spoken:
        try:
            sentence = await voice.speak(utterance.text, voice=utterance.voice)
        except VoiceMissing as error:
            logger.warning("notice %s is not spoken: %s", name, error)
            return earcon(_earcon_of(name))
        _spoken[utterance] = earcon(_earcon_of(name)) + bytes(_PAUSE_MS * BYTES_PER_MS) + sentence
    return _spoken[utterance]


def _earcon_of(notice_name: str) -> Earcon:
    match notice_name:
        case "moment" | "timer":
            return notice_name
        case _:
            return "error"


def _note(pitch_hz: float) -> list[float]:
    """Return one note like a soft mallet's: it swells for some milliseconds, fades, and ends in silence."""
    values = []
    for i in range(_samples(NOTE_MS)):
        t_ms = i * 1000 / SAMPLE_RATE_HZ
        swell = _ease(t_ms / _ATTACK_MS) * _ease((NOTE_MS - t_ms) / _RELEASE_MS)
        phase = 2 * math.pi * pitch_hz * t_ms / 1000
        values.append(swell * math.exp(-t_ms / _DECAY_MS) * (math.sin(phase) + 0.2 * math.sin(2 * phase)))
    return values


def _ease(x: float) -> float:
    """Return 0 to 1 along half a cosine while `x` goes from 0 to 1; a straight ramp would click softly."""
    return 0.5 - 0.5 * math.cos(math.pi * min(max(x, 0.0), 1.0))


def _samples(ms: int) -> int:
    return ms * SAMPLE_RATE_HZ // 1000
