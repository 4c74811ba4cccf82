"""The way up: nothing is lost but the oldest sound, nothing is reordered, nothing piles up."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.audio.period import Period
from device_daemon.conversation.commands import CancelResponse, CommitAudio, Message, UpdateSession
from device_daemon.conversation.uplink import MESSAGE_LIMIT_MS, AudioMessage, Uplink, UplinkBuffer
from device_daemon.errors import ConnectionLost
from tests.unit.conversation.room import FakeConnection, settle

MS = 10


def period(number: int, ms: int = MS) -> Period:
    """The numbered period; its sound is its number."""
    return Period(number.to_bytes(2, "big") * (ms * BYTES_PER_MS // 2), (number + 1) * ms / 1000)


def numbers(sound: AudioMessage | Message | None) -> list[int]:
    assert isinstance(sound, AudioMessage)
    found = [int.from_bytes(sound.pcm[i : i + 2], "big") for i in range(0, len(sound.pcm), MS * BYTES_PER_MS)]
    assert sound.begins_at_s == pytest.approx(found[0] * MS / 1000), "the time of its first sample"
    return found


def filled(first: int, stop: int, buffer: UplinkBuffer | None = None) -> UplinkBuffer:
    """A buffer that was given these periods."""
    buffer = buffer or UplinkBuffer()
    for number in range(first, stop):
        buffer.put_audio(period(number))
    return buffer


def test_sound_is_held_and_messages_pass_it_until_it_is_released() -> None:
    buffer = filled(0, 3)
    buffer.put(UpdateSession())
    assert buffer.take() == UpdateSession()
    assert buffer.take() is None
    buffer.release()
    assert numbers(buffer.take()) == [0, 1, 2]
    assert buffer.take() is None


def test_a_message_comes_after_the_sound_that_was_released_before_it_and_before_all_other_sound() -> None:
    buffer = filled(0, 2)
    buffer.release()
    buffer.put(CommitAudio())
    filled(2, 4, buffer).release()
    assert numbers(buffer.take()) == [0, 1]
    assert buffer.take() == CommitAudio()
    assert numbers(buffer.take()) == [2, 3]


def test_sound_that_is_discarded_while_it_is_held_is_neither_sent_nor_counted_as_dropped() -> None:
    buffer = filled(0, 2)
    buffer.release()
    filled(2, 5, buffer).discard_held()
    filled(5, 6, buffer).release()
    assert numbers(buffer.take()) == [0, 1, 5]
    assert buffer.dropped_ms == 0


def test_a_backlog_leaves_in_few_long_messages() -> None:
    buffer = filled(0, 90)
    buffer.release()
    assert [len(numbers(buffer.take())) for _ in range(3)] == [MESSAGE_LIMIT_MS // MS, MESSAGE_LIMIT_MS // MS, 10]


def test_a_period_that_is_longer_than_a_message_is_a_message_of_its_own() -> None:
    buffer = UplinkBuffer()
    buffer.put_audio(period(0, ms=MESSAGE_LIMIT_MS + 100))
    buffer.release()
    taken = buffer.take()
    assert isinstance(taken, AudioMessage)
    assert len(taken.pcm) == (MESSAGE_LIMIT_MS + 100) * BYTES_PER_MS


def test_what_is_dropped_in_crumbs_is_counted_in_full() -> None:
    buffer = UplinkBuffer(limit_ms=100)
    crumb = bytes(239 * 2)  # what a card at 44 100 Hz makes of a period is not a whole number of milliseconds
    for number in range(2_000):
        buffer.put_audio(Period(crumb, number / 100))
    buffer.release()
    kept = buffer.take()
    assert isinstance(kept, AudioMessage)
    assert buffer.dropped_ms == (2_000 * len(crumb) - len(kept.pcm)) // BYTES_PER_MS


@pytest.mark.parametrize("period_ms", [1, 20, 100])
def test_speech_may_wait_as_long_whatever_periods_the_card_gives(period_ms: int) -> None:
    buffer = UplinkBuffer(limit_ms=1_000)
    for number in range(2_000 // period_ms):
        buffer.put_audio(period(number, period_ms))
    assert buffer.dropped_ms == 1_000


def test_a_message_whose_sound_was_dropped_is_sent_all_the_same() -> None:
    buffer = filled(0, 4, UplinkBuffer(limit_ms=4 * MS))
    buffer.release()
    buffer.put(CommitAudio())
    filled(4, 8, buffer).release()
    assert buffer.take() == CommitAudio()
    assert numbers(buffer.take()) == [4, 5, 6, 7]


def test_when_a_connection_is_lost_its_messages_and_its_sound_are_not_for_the_next_one() -> None:
    buffer = filled(0, 2)
    buffer.release()
    buffer.put(CancelResponse("old"))
    filled(2, 4, buffer).abandon()
    assert buffer.take() is None
    buffer.put(UpdateSession())
    assert buffer.take() == UpdateSession()
    buffer.release()
    assert numbers(buffer.take()) == [2, 3], "the pre-roll waits for whichever session comes"


def test_sound_can_be_sent_again_after_a_reconnect_whether_the_old_connection_took_it_or_not() -> None:
    buffer = filled(0, 6)
    buffer.release()
    buffer.take()
    filled(6, 8, buffer).release()
    buffer.abandon()
    filled(8, 10, buffer)
    assert buffer.replay(since_s=period(3).begins_at_s) == 5 * MS
    buffer.put(UpdateSession())
    assert buffer.take() == UpdateSession(), "what is sent again is held like the pre-roll"
    buffer.release()
    assert numbers(buffer.take()) == [3, 4, 5, 6, 7, 8, 9]


def test_only_what_is_still_in_the_ring_can_be_sent_again_and_it_makes_room_for_new_sound() -> None:
    buffer = filled(0, 8, UplinkBuffer(limit_ms=8 * MS))
    buffer.release()
    buffer.take()
    filled(8, 11, buffer)
    assert buffer.dropped_ms == 0, "it was sent"
    buffer.abandon()
    assert buffer.replay(since_s=0.0) == 5 * MS
    buffer.release()
    assert numbers(buffer.take()) == [3, 4, 5, 6, 7, 8, 9, 10]


async def test_what_breaks_while_it_is_being_sent_can_be_sent_again() -> None:
    sent_s: list[float] = []
    uplink, broken, line = (
        Uplink(lambda message: sent_s.append(message.begins_at_s)),
        FakeConnection([]),
        FakeConnection([]),
    )
    broken.send_error = ConnectionLost("gone")
    uplink.put_audio([period(0), period(1)])
    with pytest.raises(ConnectionLost):
        await uplink.run(broken)
    uplink.detach()
    assert uplink.replay(since_s=0.0) == 2 * MS
    sender = asyncio.ensure_future(uplink.run(line))
    await settle()
    assert line.sent == []
    uplink.put_audio([period(2)])
    await settle()
    assert line.audio == b"".join(period(number).pcm for number in range(3))
    assert sent_s == [0.0]
    sender.cancel()


async def test_nothing_goes_into_a_line_that_was_given_up() -> None:
    uplink, line = Uplink(lambda _: None), FakeConnection([])
    sender = asyncio.ensure_future(uplink.run(line))
    await settle()
    uplink.detach()
    uplink.put(UpdateSession())  # for the next one
    async with asyncio.timeout(5):
        await sender
    assert line.sent == []


class SlowNetwork(RuleBasedStateMachine):
    """A sender that takes when it likes. Each millisecond of sound carries a number of its own."""

    LIMIT_MS = 100

    def __init__(self) -> None:
        super().__init__()
        self.buffer = UplinkBuffer(self.LIMIT_MS)
        self.put: list[Message | int] = []
        """What is to be sent, in order."""
        self.held: list[int] = []
        self.taken: list[Message | int] = []
        self.spoken_ms = 0
        self.messages = 0
        self.taken_ms = 0

    @rule(ms=st.integers(1, 60))
    def speak(self, ms: int) -> None:
        spoken = range(self.spoken_ms, self.spoken_ms + ms)
        dropped_ms, room_ms = self.buffer.dropped_ms, self.LIMIT_MS - self.waiting_ms()
        self.spoken_ms = spoken.stop
        pcm = b"".join(n.to_bytes(BYTES_PER_MS, "big") for n in spoken)
        self.buffer.put_audio(Period(pcm, spoken.stop / 1000))
        self.held += spoken
        if ms <= room_ms:
            assert self.buffer.dropped_ms == dropped_ms, "nothing is dropped while there is room"

    @rule()
    def release(self) -> None:
        self.buffer.release()
        self.put += self.held
        self.held = []

    @rule()
    def message(self) -> None:
        self.messages += 1
        message = CancelResponse(f"r{self.messages}")
        self.buffer.put(message)
        self.put.append(message)

    @rule()
    def take(self) -> None:
        self.take_one()

    def take_one(self) -> bool:
        entry = self.buffer.take()
        if isinstance(entry, AudioMessage):
            pieces = [entry.pcm[i : i + BYTES_PER_MS] for i in range(0, len(entry.pcm), BYTES_PER_MS)]
            found = [int.from_bytes(piece, "big") for piece in pieces]
            assert found[0] / 1000 == pytest.approx(entry.begins_at_s), "the time of its first sample"
            assert found == list(range(found[0], found[0] + len(found))), "no gap within a message"
            self.taken += found
            self.taken_ms += len(found)
        elif entry is not None:
            self.taken.append(entry)
        return entry is not None

    @precondition(lambda self: not self.held)
    @rule()
    def take_all(self) -> None:
        while self.take_one():
            pass
        assert self.waiting_ms() == 0

    def waiting_ms(self) -> int:
        return self.spoken_ms - self.taken_ms - self.buffer.dropped_ms

    @invariant()
    def the_order_is_kept_and_nothing_comes_twice(self) -> None:
        put = iter(self.put)
        assert all(entry in put for entry in self.taken)

    @invariant()
    def no_message_is_lost(self) -> None:
        taken = [entry for entry in self.taken if not isinstance(entry, int)]
        assert taken == [entry for entry in self.put if not isinstance(entry, int)][: len(taken)]

    @invariant()
    def what_waits_is_bounded_and_all_that_is_missing_was_counted(self) -> None:
        assert 0 <= self.waiting_ms() <= self.LIMIT_MS


TestSlowNetwork = SlowNetwork.TestCase
TestSlowNetwork.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
