"""The demo without a terminal: a synthetic person presses, asks, talks over the answer, and leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from device_daemon.audio.pcm import BYTES_PER_FRAME, level_dbfs
from device_daemon.localservice.record import SessionRecord
from device_daemon.localservice.scripted_replies import Replies, Rule
from device_daemon.localservice.server import LocalService
from scripts.demonstration import timeline
from scripts.demonstration.steps import STEP_DEADLINE_S, step
from scripts.demonstration.timeline import Moment
from scripts.rig.card import SimulatedCard
from scripts.rig.device import Device, config_for, running
from scripts.rig.tracks import Samples
from scripts.rig.utterance import VOICE_RATE_HZ, utterance

GREETING = "Hi, welcome back! How can I help?"
QUESTION = "What can you do for me?"
INTERRUPTION = "Wait, something else please."
LONG_ANSWER = (
    "I can talk and talk about this and that for such a long time that you will surely want to interrupt me soon"
)
NEXT_ANSWER = "Of course. I am all ears."
PERSON = "en+f3"
IDLE_TIMEOUT_S = 2.0
LISTEN_BEFORE_TALKING_OVER_S = 1.5
SILENCE_MS = 200.0
VOICE_DBFS = -50.0
LOOK_BACK_S = 1.0
SCENE_DEADLINE_S = 28.0
MARGIN_S = 0.3


@dataclass(slots=True)
class Played:
    """A scene that was played to its end; seconds of time.monotonic()."""

    moments: list[Moment] = field(default_factory=list)
    pressed_s: float = 0.0
    greeting_s: float = 0.0
    question_s: tuple[float, float] = (0.0, 0.0)
    speech_started_s: float = 0.0
    silent_s: float = 0.0
    answer_s: float = 0.0
    truncated_ms: int = 0
    over_s: float = 0.0

    def note(self, at_s: float, who: str, what: str) -> float:
        """Put down a moment; returns its time."""
        self.moments.append(Moment(at_s, who, what))
        return at_s


async def play(folder: Path, card: SimulatedCard, wav: Path) -> None:
    """Play the scene, print what happened when, and write it down as `wav`. Raises StepMissing."""
    rules = [Rule(say=LONG_ANSWER, after="speech", turn=1), Rule(say=NEXT_ANSWER, after="speech")]
    service = LocalService(replies=Replies(rules))
    await service.start()
    try:
        config = config_for(
            service.endpoint,
            conversation={"idle_timeout_s": IDLE_TIMEOUT_S},
            greetings={"welcome": {"say": GREETING}},
        )
        async with (
            step("the speaker starts, holds its conversation and stops in good order", deadline_s=SCENE_DEADLINE_S),
            running(folder / "daemon", config, card) as device,
        ):
            played = await _play(device, service)
            status = await device.status()
    finally:
        await service.stop()
    session = next(found for found in service.record.sessions if found.opened_s >= played.pressed_s)
    rows = [
        *played.moments,
        *timeline.of_states(device.states),
        *timeline.of_light(device.states, device.pin_changes),
        *timeline.of_service(session),
    ]
    print(timeline.table((row for row in rows if row.at_s <= played.over_s + MARGIN_S), played.pressed_s))
    print(_figures(played, list(mouth_to_wire_ms(card, session, *played.question_s))))
    print(
        f"overruns {card.overruns}, underruns {card.underruns}, starved {status['speaker']['starved']},"
        f" stale deltas {status['measures']['stale_deltas']}, reconnects {status['measures']['reconnects']}"
    )
    card.save_wav(wav, played.pressed_s - MARGIN_S, played.over_s + MARGIN_S)
    print(f"{wav} written: the person on the left, the speaker on the right")


async def _play(device: Device, service: LocalService) -> Played:
    played = Played()
    question, interruption = await asyncio.gather(
        asyncio.to_thread(utterance, QUESTION, PERSON), asyncio.to_thread(utterance, INTERRUPTION, PERSON)
    )
    async with step("the speaker is idle and has found the service", device.log):
        await device.wait_for_state("idle")
        await service.wait_for("session.created", deadline_s=STEP_DEADLINE_S)
    await asyncio.sleep(MARGIN_S)
    async with step("the press is noticed", device.log):
        played.pressed_s = await device.press()
        played.note(played.pressed_s, "person", "pushes the button")
    await _greeting(device, played)
    played.question_s = _say(device.card, played, QUESTION, question)
    await _answer(device, service, played)
    await asyncio.sleep(LISTEN_BEFORE_TALKING_OVER_S)
    _, talked_over_s = _say(device.card, played, INTERRUPTION, interruption)
    await _silence(device, service, played)
    async with step("the next answer is heard", device.log):
        heard_s = await device.wait_for_sound(talked_over_s, STEP_DEADLINE_S)
        played.note(heard_s, "room", f'hears the next answer begin: "{NEXT_ANSWER}"')
    async with step(f"the conversation ends when nobody speaks for {IDLE_TIMEOUT_S:g} s", device.log):
        await device.wait_for_state("idle", after=len(device.states))
        ended = await device.wait_for_log(" over: ")
    played.over_s = device.states[-1].at_s
    _last_sound(device.card, played, heard_s, "hears the next answer end")
    played.note(played.over_s, "speaker", ended.partition(" INFO ")[2])
    return played


async def _greeting(device: Device, played: Played) -> None:
    async with step("the greeting is heard", device.log):
        played.greeting_s = await device.wait_for_sound(played.pressed_s, STEP_DEADLINE_S)
        played.note(played.greeting_s, "room", f'hears the greeting begin: "{GREETING}"')
    async with step("the speaker listens after its greeting", device.log):
        await device.wait_for_state("listening")
    _last_sound(device.card, played, played.greeting_s, "hears the greeting end")
    await asyncio.sleep(MARGIN_S)


async def _answer(device: Device, service: LocalService, played: Played) -> None:
    async with step("the service notices the question", device.log):
        await service.wait_for("input_audio_buffer.speech_started", deadline_s=STEP_DEADLINE_S)
    async with step("the answer is heard", device.log):
        played.answer_s = await device.wait_for_sound(played.question_s[1], STEP_DEADLINE_S)
        played.note(played.answer_s, "room", f'hears the answer begin: "{LONG_ANSWER[:24]}…"')


async def _silence(device: Device, service: LocalService, played: Played) -> None:
    async with step("the service notices that somebody talks over the answer", device.log):
        started = await service.wait_for("input_audio_buffer.speech_started", count=2, deadline_s=STEP_DEADLINE_S)
        played.speech_started_s = started.at_s
    async with step("the speaker falls silent when somebody talks over it", device.log):
        await asyncio.to_thread(device.card.wait_for_silence, started.at_s, SILENCE_MS, STEP_DEADLINE_S)
        played.silent_s = _last_sound(device.card, played, played.answer_s, "hears the answer break off")
    async with step("the service is told how much of the answer was heard", device.log):
        truncate = await service.wait_for("conversation.item.truncate", deadline_s=STEP_DEADLINE_S)
        played.truncated_ms = int(truncate.summary["audio_end_ms"])


def _say(card: SimulatedCard, played: Played, text: str, samples: Samples) -> tuple[float, float]:
    start_s = card.say(samples)
    played.note(start_s, "person", f'says "{text}"')
    return start_s, played.note(start_s + len(samples) / VOICE_RATE_HZ, "person", "has said it")


def _last_sound(card: SimulatedCard, played: Played, after_s: float, what: str) -> float:
    last_s = card.last_sound_before(card.time_of(card.now_frame()), after_s=after_s)
    return played.note(after_s if last_s is None else last_s, "room", what)


def mouth_to_wire_ms(card: SimulatedCard, session: SessionRecord, start_s: float, end_s: float) -> Iterator[float]:
    """Yield, for messages that came in that time: from their first sample in the room to their arrival.

    When a sample was in the room is found by the sound itself, so silence and sound with an overrun in it are left out.
    """
    microphone = session.channel(0)
    for arrival in session.arrivals:
        sound = microphone[arrival.first_frame : arrival.first_frame + arrival.frames].tobytes()
        if not start_s <= arrival.at_s <= end_s or level_dbfs(sound) < VOICE_DBFS:
            continue
        since_s = arrival.at_s - LOOK_BACK_S
        found_at = card.said(since_s, arrival.at_s).tobytes().find(sound)
        if found_at >= 0:
            in_the_room_s = card.time_of(card.frame_at(since_s) + found_at // BYTES_PER_FRAME)
            yield (arrival.at_s - in_the_room_s) * 1000


def _figures(played: Played, mouth_to_wire: list[float]) -> str:
    # A voice that was just between two words was silent before anybody asked.
    silence_ms = max((played.silent_s - played.speech_started_s) * 1000, 0.0)
    heard_ms = (played.silent_s - played.answer_s) * 1000
    on_the_way = (
        f"{min(mouth_to_wire):.1f} to {max(mouth_to_wire):.1f} ms ({len(mouth_to_wire)} messages of speech; a chunk is 60 ms long)"
        if mouth_to_wire
        else "not measured: nothing of what was said came to the service complete"
    )
    return (
        f"press -> greeting heard: {(played.greeting_s - played.pressed_s) * 1000:.1f} ms\n"
        f"speech_started -> silence: {silence_ms:.1f} ms\n"
        f"first sample of a message in the room -> the message at the service: {on_the_way}\n"
        f"answer, from its first to its last sample in the room: {heard_ms:.1f} ms; truncated to {played.truncated_ms} ms"
    )
