"""What both speakers meet: the same service with the same voice, and the same person in the room."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import numpy as np

from device_daemon.localservice.faults import Faults
from device_daemon.localservice.scripted_replies import Replies, Rule
from device_daemon.localservice.server import LocalService
from device_daemon.localservice.voice import Voice
from scripts.rig.tracks import Samples
from scripts.rig.utterance import VOICE_RATE_HZ

NEAR: Final = Faults(speed=0, cancels_echo=False)
"""A service next door that makes its voice in no time: what is left is the speaker's own.

It cancels no echo, and there is none: the voices here are noise, which a canceller takes for nothing worth keeping.
"""

STEADY: Final = Faults(cancels_echo=False)
"""A service next door that sends its voice piece by piece, ten times as fast as it is heard."""

GREETING: Final = "Hello, this is a greeting of 4 seconds"
SHORT_GREETING: Final = "Hello, this is a greeting of 1 second"
ANSWER_S: Final = 3
LONG_ANSWER_S: Final = 20
QUESTION: Final[Samples] = np.random.default_rng(2).integers(-4000, 4000, VOICE_RATE_HZ * 6 // 10, np.int16)
"""0.6 s of a person. The service answers for ANSWER_S."""
LONG_QUESTION: Final[Samples] = np.random.default_rng(3).integers(-4000, 4000, VOICE_RATE_HZ * 16 // 10, np.int16)
"""1.6 s of a person. The service answers for LONG_ANSWER_S."""
CLICK: Final[Samples] = np.full(1, 20_000, np.int16)
"""One sample: no end of one message and beginning of the next can share it."""
CLICK_LEVEL: Final = 10_000
"""Louder than any voice here."""


def far(network_ms: int, synthesis_ms: int) -> Faults:
    """A service that many milliseconds away, there and back, which takes its time to make a voice.

    Opening a connection costs three ways there and back, as over a real network: TCP, TLS, and the upgrade.
    """
    return Faults(
        network_delay_ms=network_ms // 2,
        handshake_delay_ms=3 * network_ms,
        synthesis_ms=synthesis_ms,
        cancels_echo=False,
    )


def local_service(faults: Faults = NEAR) -> LocalService:
    """Return the service, not yet started."""
    rules = [
        Rule(after="speech", least_s=1.2, say=f"An answer of {LONG_ANSWER_S} seconds"),
        Rule(after="speech", say=f"An answer of {ANSWER_S} seconds"),
    ]
    return LocalService(replies=Replies(rules), voice=Voice(_speak), faults=faults)


async def _speak(text: str, *, voice: str = "en", words_per_minute: int = 165) -> bytes:
    """Speak for as long as the text says. It costs the service nothing."""
    del voice, words_per_minute
    number = re.search(r"\d+", text)
    return _voice(int(number[0]) if number else 1)


@cache
def _voice(seconds: int) -> bytes:
    return np.random.default_rng(seconds).integers(-3000, 3000, seconds * VOICE_RATE_HZ, np.int16).tobytes()
