"""The ringer: heard at rest, soft in a conversation, silent at once when it is stopped."""

from __future__ import annotations

from typing import Any

from device_daemon.conversation import events as on
from device_daemon.device.ringer import EVERY_S, Ringer
from tests.unit.timers.clocks import Clocks


class Speaker:
    """Notes what it is to play."""

    def __init__(self) -> None:
        self.gains: list[float] = []
        self.flushes = 0
        self.least = 0
        self.queued_ms = 0

    def play(self, _source: str, _pcm: bytes, _ticket: int, *, gain: float) -> None:
        self.gains.append(gain)

    def flush(self, _ticket: int) -> None:
        self.flushes += 1

    def play_at_least_at(self, percent: int) -> None:
        self.least = percent


class Conversations:
    """One that notes its events, or none."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.open = False

    @property
    def current(self) -> Any:
        return self if self.open else None

    def person_event(self, event: Any) -> None:
        self.events.append(event)


class Kitchen:
    """A ringer by a clock that is turned by hand."""

    def __init__(self) -> None:
        self.speaker, self.conversations, self.rings, self.clocks = Speaker(), Conversations(), True, Clocks()
        speaker: Any = self.speaker
        conversations: Any = self.conversations
        self.ringer = Ringer(speaker, conversations, lambda: self.rings, 60, loop=self.clocks)

    def turns(self, count: int) -> None:
        self.clocks.pass_by(count * EVERY_S)


def test_at_rest_it_rings_louder_and_louder_and_at_least_as_loud_as_the_config_says() -> None:
    kitchen = Kitchen()
    kitchen.ringer.update()
    kitchen.turns(9)
    gains = kitchen.speaker.gains
    assert gains == sorted(gains)
    assert 0.1 < gains[0] < 0.3
    assert gains[-1] == 1.0
    assert kitchen.speaker.least == 60


def test_it_is_silent_at_once_when_it_is_stopped_and_begins_softly_again() -> None:
    kitchen = Kitchen()
    kitchen.ringer.update()
    kitchen.turns(9)
    kitchen.rings = False
    kitchen.ringer.update()
    assert kitchen.speaker.flushes == 1
    assert kitchen.speaker.least == 0
    kitchen.rings = True
    kitchen.ringer.update()
    assert kitchen.speaker.gains[-1] == kitchen.speaker.gains[0]


def test_another_timer_that_begins_to_ring_does_not_make_it_soft_again() -> None:
    kitchen = Kitchen()
    kitchen.ringer.update()
    kitchen.turns(9)
    kitchen.ringer.update()
    assert kitchen.speaker.gains[-1] == 1.0


def test_in_a_conversation_it_only_asks_for_a_chime_at_the_conversations_volume() -> None:
    kitchen = Kitchen()
    kitchen.ringer.update()
    kitchen.conversations.open = True
    kitchen.ringer.update()
    assert len(kitchen.speaker.gains) == 1
    assert kitchen.speaker.least == 0
    assert kitchen.conversations.events == [on.ChimeRequested()]
    kitchen.rings = False
    kitchen.ringer.update()
    assert kitchen.speaker.flushes == 0, "the answer is not cut short"


def test_it_does_not_pile_up_behind_what_a_slow_card_still_has_to_play() -> None:
    kitchen = Kitchen()
    kitchen.speaker.queued_ms = 4000
    kitchen.ringer.update()
    kitchen.turns(3)
    assert kitchen.speaker.gains == []


def test_after_close_it_does_not_ring() -> None:
    kitchen = Kitchen()
    kitchen.ringer.update()
    kitchen.ringer.close()
    kitchen.turns(3)
    assert len(kitchen.speaker.gains) == 1
