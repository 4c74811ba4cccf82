"""What the device reports to other programs: one type an event, as stable as the control socket's protocol.

docs/events.schema.json is generated from these types. Fields are added; they are never renamed or removed within a
`version`. No event holds what a person or the speaker said.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct

from device_daemon.conversation.policy import EndReason
from device_daemon.health import Part
from device_daemon.state import State
from device_daemon.timers.schedule import Change, How
from device_daemon.tools.toolbox import Outcome

Gesture = Literal["press", "double", "hold", "talk", "wake-word", "stop-word", "motion", "schedule"]
TimerKind = Literal["timer", "alarm"]
TimerEnd = Literal["stopped", "snoozed", "missed", "cancelled"]


class Event(Struct, frozen=True, kw_only=True, tag_field="event"):
    """What every event has; the stream that publishes it fills in `number` and `at`."""

    version: Literal[1] = 1
    """Of this format."""
    number: int = 0
    """Counts the events since the config was put in force: a reader that misses one sees it."""
    at: datetime | None = None
    """When it happened, by the device's clock and with its time zone."""


class StateChanged(Event, frozen=True, kw_only=True, tag="state"):
    """The device does something else now; also the first event of a subscription, with `before` equal to `state`."""

    state: State
    before: State
    failure: str | None = None
    """The most important failure, while there is one."""


class Triggered(Event, frozen=True, kw_only=True, tag="trigger"):
    """A person, a sensor or the schedule asks for something; what becomes of it is another event."""

    gesture: Gesture
    trigger: str
    """Which one, as `status` names it: "button on pin 17", "wake word okay_nabu"."""


class ConversationStarted(Event, frozen=True, kw_only=True, tag="conversation-started"):
    """A conversation or an announcement begins."""

    conversation: int
    """Counts the conversations since the config was put in force."""
    trigger: str


class GreetingHeard(Event, frozen=True, kw_only=True, tag="greeting-heard"):
    """The first sample of the greeting left the loudspeaker."""

    conversation: int
    press_to_greeting_ms: float


class ToolDone(Event, frozen=True, kw_only=True, tag="tool"):
    """The model called a tool of the device, and that is over; its arguments and result are private."""

    conversation: int
    tool: str
    """Its name."""
    outcome: Outcome
    """`refused`: the call was wrong, or one too many; `timeout`: it took too long."""
    duration_ms: float


class ConversationEnded(Event, frozen=True, kw_only=True, tag="conversation-ended"):
    """A conversation or an announcement is over."""

    conversation: int
    trigger: str
    greeting: str
    """Its name, `none`, or that of an announcement."""
    reason: EndReason
    failure: str | None
    duration_s: float
    press_to_greeting_ms: float | None


class MuteChanged(Event, frozen=True, kw_only=True, tag="mute"):
    """The microphone was muted, or is allowed again."""

    muted: bool


class VolumeChanged(Event, frozen=True, kw_only=True, tag="volume"):
    """Somebody set the volume."""

    volume: int
    """Per cent."""


class SettingChanged(Event, frozen=True, kw_only=True, tag="setting"):
    """Somebody changed a setting without the config file."""

    setting: Literal["button-greeting", "wake-word-sensitivity"]
    value: str | float
    """A greeting's name; or the sensitivity, from 0 to 1."""
    word: str | None = None
    """Of which wake word."""


class TimerSet(Event, frozen=True, kw_only=True, tag="timer-set"):
    """A timer or an alarm was set or changed. Its name is not told: somebody said it."""

    timer: int
    """Its number, as in the command `timers`."""
    kind: TimerKind
    due: datetime
    """When it rings next."""


class TimerFinished(Event, frozen=True, kw_only=True, tag="timer-finished"):
    """A timer or an alarm begins to ring."""

    timer: int
    kind: TimerKind


class TimerStopped(Event, frozen=True, kw_only=True, tag="timer-stopped"):
    """It does not ring any more, or it was cancelled and will not."""

    timer: int
    kind: TimerKind
    how: TimerEnd


class HealthChanged(Event, frozen=True, kw_only=True, tag="health"):
    """A part failed, or works again."""

    part: Part
    ok: bool
    reason: str | None


class EventsDropped(Event, frozen=True, kw_only=True, tag="dropped"):
    """The reader was too slow: so many events before the next one were dropped for it."""

    count: int


AnyEvent = (
    StateChanged
    | Triggered
    | ConversationStarted
    | GreetingHeard
    | ToolDone
    | ConversationEnded
    | MuteChanged
    | VolumeChanged
    | SettingChanged
    | TimerSet
    | TimerFinished
    | TimerStopped
    | HealthChanged
    | EventsDropped
)


_TIMER_ENDS: Final[dict[How, TimerEnd]] = {
    How.STOPPED: "stopped",
    How.SNOOZED: "snoozed",
    How.MISSED: "missed",
    How.CANCELLED: "cancelled",
}


def conversation_ended(number: int, record: Mapping[str, Any]) -> ConversationEnded:
    """Return what is reported of a conversation that is over; `record` is what `status` shows of it."""
    names = ("trigger", "greeting", "failure", "duration_s", "press_to_greeting_ms")
    known = {name: record[name] for name in names}
    return ConversationEnded(conversation=number, reason=EndReason(record["ended"]), **known)


def timer_event(change: Change, due: datetime) -> Event:
    """Return what is reported of a timer or an alarm, which is due then."""
    number, kind = change.entry.number, change.entry.kind
    if change.how is How.SET:
        return TimerSet(timer=number, kind=kind, due=due)
    if change.how is How.RINGS:
        return TimerFinished(timer=number, kind=kind)
    return TimerStopped(timer=number, kind=kind, how=_TIMER_ENDS[change.how])
