"""A room for a whole speaker: a card, a voice service, a person; and what was heard in it, to the sample.

Voices are noise here: the same words are always the same samples, no two stretches are alike and none is silent, so
that any piece of a voice is recognized wherever it is heard, and where it was cut.
"""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from device_daemon.audio import sounds
from device_daemon.language.language import language_for
from device_daemon.localservice.record import SessionRecord
from device_daemon.localservice.scripted_replies import McpServerRule, Replies, Rule
from device_daemon.localservice.server import LocalService
from device_daemon.localservice.voice import Voice
from scripts.rig.card import SimulatedCard
from scripts.rig.device import DEADLINE_S, KEY, Device, config_for, running
from scripts.rig.tracks import Samples

RATE_HZ = 24_000
WORD_FRAMES = RATE_HZ * 120 // 1000
PERIOD_MS = 10
FADE_S = 0.005
"""A flush leaves 3 ms of fading sound, and a gap of some samples before it."""
SOME_S = 0.05
GREETING = "hello and welcome back my friend"
SPEECH = "hello and welcome back to this long speech that leaves time to talk over it"
ANSWER = "once upon a time a small speaker heard the kettle"
MADE_UP = "hello from the model"
_NEEDLE_FRAMES = 120


def voice(words: str, language: str = "en", peak: int = 1500) -> bytes:
    """Somebody's voice as pcm: 120 ms of noise a word, about -32 dBFS loud."""
    random = np.random.default_rng(zlib.crc32(f"{words}/{language}".encode()))
    noise = random.integers(1, peak, len(words.split()) * WORD_FRAMES, np.int16)
    signs = random.choice(np.array([-1, 1], np.int16), len(noise))
    return bytes((noise * signs).tobytes())


async def _speak(text: str, *, voice: str = "en", words_per_minute: int = 165) -> bytes:
    assert words_per_minute
    return _voices(text, voice)


_voices = voice


def service_for_tests(*first: Rule, mcp_servers: Sequence[McpServerRule] = ()) -> LocalService:
    """A service that answers speech with ANSWER and instructions with MADE_UP, unless a rule says otherwise; in noise."""
    replies = Replies(
        [*first, Rule(after="speech", say=ANSWER), Rule(after="request", say=MADE_UP)], mcp_servers=mcp_servers
    )
    return LocalService(key=KEY, replies=replies, voice=Voice(_speak))


@dataclass(frozen=True, slots=True)
class Heard:
    """How much of a sound was heard, from its first sample on, and when."""

    start_s: float
    frames: int

    @property
    def ms(self) -> float:
        return self.frames * 1000 / RATE_HZ

    @property
    def end_s(self) -> float:
        return self.start_s + self.frames / RATE_HZ


class Room:
    """One card and one service; speakers come and go."""

    def __init__(self, folder: Path, card: SimulatedCard, service: LocalService) -> None:
        self.folder = folder
        self.card = card
        self.service = service

    @asynccontextmanager
    async def speaker(
        self,
        environment: Mapping[str, str] | None = None,
        *,
        endpoint: str | None = None,
        options: Sequence[str] = (),
        at_rest: bool = True,
        **sections: Any,
    ) -> AsyncIterator[Device]:
        """A speaker that runs with this config and is at rest; else its process was only just begun.

        What must be so whatever happened meanwhile is checked when it has ended (with 0, in good order).
        """
        defaults: dict[str, Any] = {
            "greetings": {"welcome": {"say": GREETING}},
            # A busy machine must not cost samples: that has tests of its own.
            "audio": {"microphone": {"periods": 32}, "speaker": {"periods": 16, "volume": 100}},
            "sounds": {"volume": 100},
        }
        if "audio" in sections:
            sections["audio"] = {**defaults["audio"], **sections["audio"]}
        local = sections.get("service", {}).get("local")
        config = config_for(None if local else endpoint or self.service.endpoint, **(defaults | sections))
        for greeting in config["greetings"].values():
            # Else it is fetched in advance, in a session of its own: that has tests of its own.
            greeting.setdefault("cache", False)
        config["service"].setdefault("turn_detection", {"type": "azure_semantic_vad", "silence_duration_ms": 200})
        folder = self.folder / "speaker"
        async with running(folder, config, self.card, environment, options, at_rest=at_rest) as device:
            yield device
        log = "\n".join(device.log)
        assert KEY not in log
        assert "bug in this program" not in log, log
        assert "Traceback" not in log, log
        assert not self.card.microphone_open
        assert not self.card.speaker_open
        high_is_dark = {str(light["pin"]) for light in config["lights"] if light.get("active_high") is False}
        left = {change.pin: change.level for change in device.pin_changes}
        lit = [pin for pin, level in left.items() if level != (pin in high_is_dark)]
        assert not lit, f"lights that stayed on: {lit}"

    # What reached the service

    @property
    def sessions(self) -> list[SessionRecord]:
        """The conversations' sessions; the speaker also connects to see whether the service is there."""
        return [session for session in self.service.record.sessions if "session.update" in session.types("in")]

    @property
    def session(self) -> SessionRecord:
        """The newest conversation's session."""
        return self.sessions[-1]

    async def probed(self) -> None:
        """Wait until the speaker has seen that the service is there: faults set now meet conversations only."""
        await self.service.wait_for("session.created")

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something on the service's or the card's side that tells nobody when it happens."""
        give_up_s = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < give_up_s, f"no {what} within {DEADLINE_S} s"
            await asyncio.sleep(0.02)

    async def captured_until(self, at_s: float) -> None:
        """Wait until the microphone was open at that time and what was to be heard then was read."""
        await self.until(lambda: self.card.captured_until_s > at_s, "open microphone")

    # The person

    def says(self, words: str = "what is that", at_s: float | None = None) -> float:
        """Say something, loud enough to be heard over the speaker; returns when it begins."""
        return self.card.say(voice(words, "person", peak=12_000), at_s)

    def hisses(self, seconds: float) -> None:
        """A faint hiss around the person, no two stretches of it alike: each sample tells when it was captured."""
        self.card.say(np.random.default_rng(1).integers(-40, 41, round(seconds * RATE_HZ), np.int16))

    def traced(self, since_s: float) -> list[tuple[float, int]]:
        """The stretches of the room's sound that the service got, in order: when each began, and its frames."""
        said = self.card.said(since_s, since_s + 20.0)
        got = self.session.channel(0)
        stretches = []
        while len(got):
            ((at, frames),) = matches(said, got.tobytes())
            stretches.append((self.card.time_of(self.card.frame_at(since_s) + at), frames))
            got = got[frames:]
        return stretches

    # What was heard

    async def sounds(self, after_s: float) -> float:
        """Wait until the speaker has sounded for a while, so that what is cut now is recognized; returns since when."""
        start_s = await asyncio.to_thread(self.card.wait_for_sound, after_s, DEADLINE_S)
        await asyncio.to_thread(self.card.wait_for_sound, start_s + SOME_S, DEADLINE_S)
        return start_s

    def heard(self, sound: bytes, after_s: float) -> Heard:
        """How much of a sound was heard first after a time."""
        found = self.all_heard(sound, after_s)
        assert found, "none of that sound was heard"
        return found[0]

    async def hears(self, sound: bytes, after_s: float) -> Heard:
        """Wait until a whole sound was heard after a time, without a gap."""

        def whole() -> list[Heard]:
            now_s = time.monotonic()
            return [
                heard
                for heard in self.all_heard(sound, after_s)
                if heard.frames == len(sound) // 2 and heard.end_s <= now_s
            ]

        await self.until(lambda: bool(whole()), "such a sound")
        return whole()[0]

    async def is_answered(self, after_s: float) -> Heard:
        """Wait until so much of the answer was heard after a time that it cannot be anything else."""
        return await self.hears(voice(ANSWER)[: WORD_FRAMES * 2], after_s)

    def all_heard(self, sound: bytes, after_s: float) -> list[Heard]:
        """Each time that a sound was begun to be heard after a time."""
        track = self.card.heard(after_s, time.monotonic() + 1.0)
        return [Heard(self.card.time_of(self.card.frame_at(after_s) + at), n) for at, n in matches(track, sound)]

    async def hears_notice(self, name: str, after_s: float, language: str | None = None) -> None:
        """Wait until so much of a notice was heard that it cannot be another one."""
        spoken = language_for(language)
        notices = {known: await sounds.notice(known, spoken) for known in spoken.notices}
        wanted = notices.pop(name)
        alike = max(_same_frames(wanted, other) for other in notices.values())
        await self.hears(wanted[: (alike + _NEEDLE_FRAMES) * 2], after_s)

    def silent(self, start_s: float, end_s: float | None = None) -> bool:
        """Whether nothing at all is heard between two times, or from one on if nobody does anything more."""
        return not self.card.heard(start_s, end_s or time.monotonic() + 1.0).any()


def _same_frames(one: bytes, other: bytes) -> int:
    """How many samples two sounds have in common at the beginning."""
    frames = min(len(one), len(other)) // 2
    differs = np.flatnonzero(np.frombuffer(one, np.int16)[:frames] != np.frombuffer(other, np.int16)[:frames])
    return int(differs[0]) if len(differs) else frames


def matches(track: Samples, sound: bytes) -> list[tuple[int, int]]:
    """Where in a track a sound begins, and how many of its samples follow there unchanged."""
    wanted = np.frombuffer(sound, np.int16)
    lead = int(np.flatnonzero(wanted)[0])  # silence is found everywhere
    needle = wanted[lead : lead + _NEEDLE_FRAMES]
    places = np.arange(max(0, len(track) - len(needle) + 1))
    for offset, sample in enumerate(needle):
        places = places[track[places + offset] == sample]
    found = []
    for place in places:
        there = track[place : place + len(wanted) - lead]
        differs = np.flatnonzero(there != wanted[lead : lead + len(there)])
        found.append((int(place) - lead, lead + (int(differs[0]) if len(differs) else len(there))))
    return found
