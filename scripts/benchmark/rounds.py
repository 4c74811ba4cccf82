"""What is measured in the same way of every speaker: one conversation's latencies, and what a long one costs."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from device_daemon.audio.pcm import BYTES_PER_FRAME
from device_daemon.localservice.record import SessionRecord
from device_daemon.localservice.server import LocalService
from scripts.benchmark import process
from scripts.benchmark.command_line import CannotMeasure
from scripts.benchmark.scene import CLICK, CLICK_LEVEL, LONG_QUESTION, QUESTION
from scripts.rig.card import SimulatedCard
from scripts.rig.utterance import VOICE_RATE_HZ

CLICKS: Final = 4
DEADLINE_S: Final = 10.0
_SPREAD_S: Final = 0.1
"""A whole number of messages of any speaker here (20 ms and 50 ms): a click falls anywhere in one, as likely as not."""
_BETWEEN_CLICKS_S: Final = 0.3
"""Longer than the quiet after which a sound is an onset: of a click that follows sooner, nothing can be said."""
_GOLDEN: Final = 0.618_033_988_75
_STRETCHES: Final = 3
_STRETCH_S: Final = 4.0
_CYCLES: Final = 4
_CYCLE_S: Final = 6.0
"""0.6 s of a person, 0.5 s until the service knows that it was all, 3 s of answer, and a pause."""
_LOUD: Final = 33
_PLACE_FRAMES: Final = 240
"""So much of the question tells where it is."""


class Assistant(Protocol):
    """A speaker that is measured."""

    @property
    def card(self) -> SimulatedCard:
        """The room it stands in."""

    @property
    def pid(self) -> int:
        """Its process."""

    async def press(self) -> float:
        """Begin a conversation with a greeting that was never spoken before; returns when."""

    async def hang_up(self) -> None:
        """End it, and wait until it has ended."""


@dataclass(slots=True)
class Phases:
    """Delays that are evenly spread over whole messages, in no order.

    What a round waits for before a click comes with the messages' own beat, and so would the click.
    """

    phase: float
    """Where it begins, 0 to 1."""

    def __next__(self) -> float:
        """Return the next, in seconds."""
        self.phase = (self.phase + _GOLDEN) % 1.0
        return self.phase * _SPREAD_S


@dataclass(frozen=True, slots=True)
class Round:
    """The latencies of one conversation, in milliseconds."""

    greeting_ms: float
    """From the press to the first sample of the greeting at the card."""
    click_to_wire_ms: list[float]
    """From a click in a quiet room to the arrival of the message with it."""
    message_to_wire_ms: list[float]
    """Of every message from the first click on, in silence and speech: from its first sample to its arrival."""
    silence_ms: float
    """From the service's speech_started to the last sample at the card."""
    person_to_silence_ms: float
    """From the person's first sample to the last one at the card; the service's turn detection is part of it."""


async def greeted_ms(card: SimulatedCard, press: Callable[[], Awaitable[float]]) -> float:
    """Press, and return how long it took until something was heard."""
    pressed_s = await press()
    heard_s = await asyncio.to_thread(card.wait_for_sound, pressed_s, DEADLINE_S)
    return (heard_s - pressed_s) * 1000


async def one_round(assistant: Assistant, service: LocalService, phases: Phases) -> Round:
    """Press, hear it greet, click into its microphone, talk over it, hang up."""
    card, began_s = assistant.card, time.monotonic()
    greeting_ms = await greeted_ms(card, assistant.press)
    session = await _session_since(service, began_s)
    listening_s = time.monotonic()
    clicks_ms = [await click_to_wire_ms(card, session, next(phases)) for _ in range(CLICKS)]
    spoken_s = card.say(QUESTION)
    started = await service.wait_for("input_audio_buffer.speech_started", session=session.number)
    silent_s = await asyncio.to_thread(card.wait_for_silence, spoken_s, 150.0, DEADLINE_S)
    await asyncio.sleep(len(QUESTION) / VOICE_RATE_HZ)  # so that all of it is heard
    messages_ms = message_to_wire_ms(session, spoken_s, listening_s)
    card.stop_saying()
    await assistant.hang_up()
    return Round(greeting_ms, clicks_ms, messages_ms, (silent_s - started.at_s) * 1000, (silent_s - spoken_s) * 1000)


async def _session_since(service: LocalService, began_s: float) -> SessionRecord:
    """Return the session of the conversation that was begun then, once it hears and speaks."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            for session in service.record.sessions:
                hears = session.opened_s >= began_s and session.received_frames
                if hears and session.of_type("response.created"):
                    return session
            await asyncio.sleep(0.005)


def message_to_wire_ms(session: SessionRecord, spoken_s: float, since_s: float) -> list[float]:
    """Return, for every message that came after a time, how long ago its first sample was in the room.

    QUESTION, which was said from `spoken_s` on, tells when each sample of the session was captured.
    """
    place = session.channel(0).tobytes().find(QUESTION[:_PLACE_FRAMES].tobytes())
    if place < 0:
        raise CannotMeasure("the question did not reach the service as it was said")
    question_frame = place // BYTES_PER_FRAME
    return [
        (arrival.at_s - spoken_s) * 1000 - (arrival.first_frame - question_frame) * 1000 / session.audio_rate_hz
        for arrival in session.arrivals
        if arrival.at_s >= since_s
    ]


async def click_to_wire_ms(card: SimulatedCard, session: SessionRecord, phase_s: float) -> float:
    """Click into the quiet microphone, and return how long after it the message came that holds it; infinity for never."""
    seen = len(session.channel(0))
    clicked_s = card.say(CLICK, time.monotonic() + _BETWEEN_CLICKS_S + phase_s)
    while time.monotonic() < clicked_s + DEADLINE_S:
        received = session.channel(0)[seen:].astype(np.int32)
        loud = np.flatnonzero(np.abs(received) > CLICK_LEVEL)
        if len(loud):
            frame = seen + int(loud[0])
            arrived_s = next(a.at_s for a in session.arrivals if a.first_frame <= frame < a.first_frame + a.frames)
            return (arrived_s - clicked_s) * 1000
        await asyncio.sleep(0.02)
    return math.inf


@dataclass(frozen=True, slots=True)
class Cost:
    """What a long conversation costs; processor time in milliseconds per second, a value for each stretch of it.

    Stretches, because the same work takes half as long again, or half as long, as whatever else the machine does: only
    the median of some that were taken in turn says anything.
    """

    both_ms_per_s: list[float]
    """While it listens and, about half of the time, speaks."""
    listening_ms_per_s: list[float]
    speaking_ms_per_s: list[float]
    sounding_percent: float
    """How much of the first of these the speaker sounded."""
    memory: process.Memory


async def cost_of_conversation(assistant: Assistant, service: LocalService) -> Cost:
    """Hold one conversation of about a minute; the microphone streams all the time."""
    card, began_s = assistant.card, time.monotonic()
    await greeted_ms(card, assistant.press)
    session = await _session_since(service, began_s)
    await asyncio.to_thread(card.wait_for_silence, time.monotonic(), 300.0, DEADLINE_S)
    await asyncio.sleep(1.0)
    listening = [await _cpu_over(assistant, _STRETCH_S) for _ in range(_STRETCHES)]
    start_s = time.monotonic()
    both = []
    for number in range(1, _CYCLES + 1):
        card.say(QUESTION, time.monotonic() + 0.1)
        both.append(await _cpu_over(assistant, start_s + number * _CYCLE_S - time.monotonic()))
    sounding_percent = _sounding_percent(card, start_s, start_s + _CYCLES * _CYCLE_S)
    answered = len(session.of_type("response.created"))
    asked_s = card.say(LONG_QUESTION)
    await service.wait_for("response.created", session=session.number, count=answered + 1, deadline_s=DEADLINE_S)
    await asyncio.to_thread(card.wait_for_sound, asked_s, DEADLINE_S)
    await asyncio.sleep(1.5)
    speaking = [await _cpu_over(assistant, _STRETCH_S) for _ in range(_STRETCHES)]
    memory = process.memory(assistant.pid)
    await assistant.hang_up()
    return Cost(both, listening, speaking, sounding_percent, memory)


async def _cpu_over(assistant: Assistant, seconds: float) -> float:
    """Return the milliseconds of processor time per second, over that time."""
    began_s, used_s = time.monotonic(), process.cpu_s(assistant.pid)
    await asyncio.sleep(seconds)
    return (process.cpu_s(assistant.pid) - used_s) / (time.monotonic() - began_s) * 1000


def _sounding_percent(card: SimulatedCard, start_s: float, end_s: float) -> float:
    """Return in how many of the hundredths of a second between two times anything was heard."""
    heard = np.abs(card.heard(start_s, end_s).astype(np.int32))
    blocks = heard[: len(heard) // (VOICE_RATE_HZ // 100) * (VOICE_RATE_HZ // 100)].reshape(-1, VOICE_RATE_HZ // 100)
    return 100 * float((blocks.max(axis=1) > _LOUD).mean())
