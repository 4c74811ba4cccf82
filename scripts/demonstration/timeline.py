"""What happened in a conversation, from everybody who saw some of it, as one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from device_daemon.leds.patterns import TABLE
from device_daemon.localservice.record import RecordEntry, SessionRecord
from device_daemon.state import State
from scripts.rig.device import Entered, PinChange

LOG_DELAY_S = 0.03
"""A state is known when its log line was read, its light when the pin changed: that may be a little earlier."""

_TOLD = {
    ("in", "session.update"): "session.update came",
    ("out", "session.updated"): "session.updated sent",
    ("in", "response.create"): "response.create came",
    ("out", "response.created"): "response.created sent",
    ("out", "input_audio_buffer.speech_started"): "speech_started sent",
    ("out", "input_audio_buffer.speech_stopped"): "speech_stopped sent",
    ("in", "conversation.item.truncate"): "truncate came: audio_end_ms {audio_end_ms}",
}
_SOUND = ("out", "response.audio.delta")


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened, at a time.monotonic()."""

    at_s: float
    who: str
    what: str


def of_states(states: Sequence[Entered]) -> Iterator[Moment]:
    """What the speaker's log says."""
    for before, now in pairwise(states):
        yield Moment(now.at_s, "speaker", f"{before.state} -> {now.state}")


def of_light(states: Sequence[Entered], changes: Sequence[PinChange]) -> Iterator[Moment]:
    """What the LED did in each state: its first change, and how many more there were."""
    ends = [*(entered.at_s - LOG_DELAY_S for entered in states[1:]), float("inf")]
    for entered, end_s in zip(states, ends, strict=True):
        inside = [change for change in changes if entered.at_s - LOG_DELAY_S <= change.at_s < end_s]
        if inside:
            look = TABLE[State(entered.state)]
            more = f", changes {len(inside) - 1} more times ({look.pattern})" if len(inside) > 1 else ""
            yield Moment(inside[0].at_s, "LED", f"{'on' if inside[0].level else 'off'}{more}")


def of_service(session: SessionRecord) -> Iterator[Moment]:
    """What the service received and sent."""
    yield Moment(session.opened_s, "service", "WebSocket opened")
    sounding: set[str] = set()
    for entry in session.entries:
        if told := _TOLD.get((entry.direction, entry.type)):
            yield Moment(entry.at_s, "service", told.format_map(entry.summary))
        elif (entry.direction, entry.type) == _SOUND and _response(entry) not in sounding:
            sounding.add(_response(entry))
            yield Moment(entry.at_s, "service", "first sound sent")
    if session.closed_s is not None:
        yield Moment(session.closed_s, "service", f"WebSocket closed ({session.close_code})")


def _response(entry: RecordEntry) -> str:
    return str(entry.summary.get("response_id"))


def table(moments: Iterable[Moment], zero_s: float) -> str:
    """One line each, in the order of time, in milliseconds since `zero_s`."""
    later = sorted((moment for moment in moments if moment.at_s >= zero_s), key=lambda moment: moment.at_s)
    rows = [f"{'ms':>8}  {'who':<8} what"]
    rows += [f"{(moment.at_s - zero_s) * 1000:8.1f}  {moment.who:<8} {moment.what}" for moment in later]
    return "\n".join(rows)
