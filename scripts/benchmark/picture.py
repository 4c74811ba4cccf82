"""Plays one conversation, from the press to the end of the answer, and has it drawn as a timeline."""

from __future__ import annotations

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from device_daemon.localservice.record import SessionRecord
from device_daemon.localservice.scripted_replies import Replies, Rule
from device_daemon.localservice.server import LocalService
from scripts.benchmark import workshop
from scripts.benchmark.command_line import CannotMeasure, Parser
from scripts.benchmark.ours import Ours, ours
from scripts.benchmark.rounds import DEADLINE_S
from scripts.benchmark.scene import far
from scripts.rig.card import SimulatedCard
from scripts.rig.device import Entered, PinChange
from scripts.rig.tracks import Samples
from scripts.rig.utterance import VOICE_RATE_HZ, utterance

GREETING: Final = "Hi Lisa, welcome back! How can I help?"
QUESTION: Final = "What can you do for me?"
ANSWER: Final = "Ask me anything, and talk over me when you know enough."
NETWORK_MS: Final = 80
SYNTHESIS_MS: Final = 300
BLOCK_MS: Final = 20
_MARGIN_S: Final = 0.4
_LOOKS_EVERY_S: Final = 0.005
_DRAWS_WITHIN_S: Final = 120
_PERSON: Final = "en+f3"
_DELTA: Final = "response.audio.delta"
_NAMES: Final = {
    "session.created": "connected",
    "response.created": "response",
    _DELTA: "first sound",
    "input_audio_buffer.speech_started": "speech started",
    "input_audio_buffer.speech_stopped": "speech stopped",
}


@dataclass(slots=True)
class Played:
    """The times of one conversation, seconds of time.monotonic()."""

    pressed_s: float
    greeting_s: float
    asked_s: tuple[float, float]
    answer_s: float
    over_s: float


def peaks(samples: Samples) -> list[float]:
    """Return how loud each 20 ms of sound is, 0 to 1."""
    block = VOICE_RATE_HZ * BLOCK_MS // 1000
    whole = np.abs(samples[: len(samples) // block * block].astype(np.int32)).reshape(-1, block)
    return [round(float(peak) / 32_768, 3) for peak in whole.max(axis=1)]


def spells(changes: Sequence[tuple[float, bool]], end_s: float) -> Iterator[tuple[float, float]]:
    """Yield when something that was switched on and off was on, as (from, to) in seconds."""
    since_s: float | None = None
    for at_s, is_on in changes:
        if is_on and since_s is None:
            since_s = at_s
        elif not is_on and since_s is not None:
            yield since_s, at_s
            since_s = None
    if since_s is not None and since_s < end_s:
        yield since_s, end_s


def service_events(session: SessionRecord, end_s: float) -> list[tuple[float, str]]:
    """Return what the service sent, by name and time; of each answer's sound only the first piece."""
    found, sounding = [], False
    for entry in session.entries:
        repeated = entry.type == _DELTA and sounding
        if entry.type in _NAMES and entry.at_s <= end_s and not repeated:
            found.append((entry.at_s, _NAMES[entry.type]))
        sounding = entry.type == _DELTA or (sounding and entry.type != "response.done")
    return found


async def _microphone(card: SimulatedCard, changes: list[tuple[float, bool]]) -> None:
    while True:
        is_open = card.microphone_running
        if not changes or changes[-1][1] != is_open:
            changes.append((time.monotonic(), is_open))
        await asyncio.sleep(_LOOKS_EVERY_S)


async def _play(speaker: Ours) -> Played:
    device, card = speaker.device, speaker.card
    question = await asyncio.to_thread(utterance, QUESTION, _PERSON)
    await asyncio.sleep(_MARGIN_S)
    pressed_s = await speaker.press_known()
    greeting_s = await device.wait_for_sound(pressed_s, DEADLINE_S)
    await device.wait_for_state("listening")
    asked_s = card.say(question, time.monotonic() + _MARGIN_S)
    question_ends_s = asked_s + len(question) / VOICE_RATE_HZ
    answer_s = await device.wait_for_sound(question_ends_s, DEADLINE_S)
    silent_s = await device.wait_for_silence(answer_s, 600.0)
    return Played(pressed_s, greeting_s, (asked_s, question_ends_s), answer_s, silent_s + _MARGIN_S)


async def conversation() -> dict[str, Any]:
    """Hold the conversation and return what is to be drawn; times are seconds from the press."""
    replies = Replies([Rule(after="speech", say=ANSWER)])
    service = LocalService(replies=replies, faults=far(NETWORK_MS, SYNTHESIS_MS))
    await service.start()
    changes: list[tuple[float, bool]] = []
    try:
        with tempfile.TemporaryDirectory() as name:
            greetings = {"welcome": {"say": GREETING}, "new": {"say": GREETING, "cache": False}}
            async with ours(Path(name), service.endpoint, greetings=greetings) as speaker:
                await speaker.learn()
                watching = asyncio.create_task(_microphone(speaker.card, changes))
                played = await _play(speaker)
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
                states, pins = list(speaker.device.states), speaker.device.changes_of(25)
                session = next(s for s in service.record.sessions if s.opened_s >= played.pressed_s)
                return _drawable(played, speaker.card, session, changes, states, pins)
    finally:
        await service.stop()


def _drawable(
    played: Played,
    card: SimulatedCard,
    session: SessionRecord,
    microphone: Sequence[tuple[float, bool]],
    states: Sequence[Entered],
    pins: Sequence[PinChange],
) -> dict[str, Any]:
    start_s, end_s, zero_s = played.pressed_s - _MARGIN_S, played.over_s, played.pressed_s
    entered = [(state.at_s - zero_s, state.state) for state in states if state.at_s <= end_s]
    return {
        "start_s": start_s - zero_s,
        "end_s": end_s - zero_s,
        "block_s": BLOCK_MS / 1000,
        "said": peaks(card.said(start_s, end_s)),
        "heard": peaks(card.heard(start_s, end_s)),
        "microphone": [(on - zero_s, off - zero_s) for on, off in spells(microphone, end_s)],
        "light": [
            (on - zero_s, off - zero_s) for on, off in spells([(pin.at_s, pin.level > 0) for pin in pins], end_s)
        ],
        "states": entered,
        "service": [(at_s - zero_s, words) for at_s, words in service_events(session, end_s)],
        "greeting_s": played.greeting_s - zero_s,
        "asked_s": [at_s - zero_s for at_s in played.asked_s],
        "answer_s": played.answer_s - zero_s,
        "greeting": GREETING,
        "question": QUESTION,
        "answer": ANSWER,
        "network_ms": NETWORK_MS,
        "synthesis_ms": SYNTHESIS_MS,
    }


def main(argv: Sequence[str]) -> int:
    """`scripts/bench picture`."""
    parser = Parser("picture", "draws one conversation, from the press to the answer")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("timeline.svg"))
    options = parser.parse_args(argv)
    workshop.install("picture")
    found = json.dumps(asyncio.run(conversation()))
    drawing = Path(__file__).with_name("drawing.py")
    done = subprocess.run(
        [str(workshop.PYTHON), str(drawing), str(options.output)],
        input=found,
        text=True,
        capture_output=True,
        timeout=_DRAWS_WITHIN_S,
        check=False,
    )
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise CannotMeasure(f"{options.output} could not be drawn: {said}")
    print(f"{options.output} written, {options.output.stat().st_size / 1000:.0f} kB")
    return 0
