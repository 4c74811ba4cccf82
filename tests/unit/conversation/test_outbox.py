"""What waits to be sent: nothing is lost but the oldest sound, nothing is reordered, nothing piles up."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.conversation import outbox as outbox_module
from device_daemon.conversation.commands import CancelResponse, Message, UpdateSession
from device_daemon.conversation.outbox import AUDIO_LIMIT_MS, BURST_MS, MESSAGE_MS, Spoken, UplinkQueue

PERIOD = bytes(10 * BYTES_PER_MS)


async def at_once(outbox: UplinkQueue) -> Message | Spoken | None:
    """What the outbox gives to its sender, None if the sender would have to wait."""
    sender = asyncio.ensure_future(outbox.take())
    await asyncio.sleep(0)
    if sender.done():
        return sender.result()
    sender.cancel()
    await asyncio.wait({sender})
    return None


async def test_a_single_period_waits_for_the_next_one_and_both_travel_together() -> None:
    outbox = UplinkQueue()
    outbox.put_audio(PERIOD, 1.0)
    assert await at_once(outbox) is None
    outbox.put_audio(PERIOD, 1.01)
    assert await at_once(outbox) == Spoken(2 * PERIOD, 1.0)


async def test_sound_that_waits_is_sent_before_a_message_that_was_put_later() -> None:
    outbox = UplinkQueue()
    outbox.put_audio(PERIOD, 1.0)
    outbox.put(UpdateSession())
    assert await at_once(outbox) == Spoken(PERIOD, 1.0)
    assert await at_once(outbox) == UpdateSession()
    assert await at_once(outbox) is None


async def test_sound_is_not_joined_across_a_message() -> None:
    outbox = UplinkQueue()
    outbox.put(UpdateSession())
    outbox.put_audio(2 * PERIOD, 1.0)
    outbox.put(CancelResponse("r1"))
    outbox.put_audio(2 * PERIOD, 1.02)
    taken = [await at_once(outbox) for _ in range(4)]
    assert taken == [UpdateSession(), Spoken(2 * PERIOD, 1.0), CancelResponse("r1"), Spoken(2 * PERIOD, 1.02)]


async def test_when_the_network_was_slow_sound_leaves_in_bursts_that_keep_the_time_of_their_first_sample() -> None:
    outbox = UplinkQueue()
    for number in range(90):
        outbox.put_audio(PERIOD, number / 100)
    bursts = []
    while isinstance(burst := await at_once(outbox), Spoken):
        bursts.append((len(burst.pcm) // BYTES_PER_MS, burst.since_s))
    assert bursts == [(BURST_MS, 0.0), (BURST_MS, 0.4), (100, 0.8)]


async def test_the_oldest_sound_is_dropped_and_counted_and_messages_never_are() -> None:
    outbox = UplinkQueue()
    outbox.put(UpdateSession())
    for number in range(AUDIO_LIMIT_MS // 10 + 100):
        outbox.put_audio(PERIOD, number / 100)
    assert outbox.dropped_ms == 1_000
    assert await at_once(outbox) == UpdateSession()
    oldest = await at_once(outbox)
    assert isinstance(oldest, Spoken)
    assert oldest.since_s == 1.0


async def test_what_is_dropped_in_crumbs_is_counted_in_full() -> None:
    outbox = UplinkQueue()
    crumb = bytes(239 * 2)  # what a card at 44 100 Hz makes of a period is not a whole number of milliseconds
    for number in range(2_000):
        outbox.put_audio(crumb, number / 100)
    kept = 0
    while isinstance(burst := await at_once(outbox), Spoken):
        kept += len(burst.pcm)
    assert outbox.dropped_ms == (2_000 * len(crumb) - kept) // BYTES_PER_MS


async def test_after_a_reconnect_nothing_of_the_old_connection_is_sent() -> None:
    outbox = UplinkQueue()
    outbox.put(CancelResponse("old"))
    outbox.put_audio(2 * PERIOD, 1.0)
    outbox.clear()
    assert await at_once(outbox) is None
    outbox.put(UpdateSession())
    assert await at_once(outbox) == UpdateSession()


async def test_a_sender_that_was_just_woken_survives_a_clear() -> None:
    outbox = UplinkQueue()
    sender = asyncio.ensure_future(outbox.take())
    await asyncio.sleep(0)
    outbox.put(CancelResponse("old"))  # wakes the sender, which runs only after this
    outbox.clear()
    await asyncio.sleep(0)
    outbox.put(UpdateSession())
    async with asyncio.timeout(5):
        assert await sender == UpdateSession()


async def test_of_more_sound_at_once_than_may_wait_the_newest_is_kept_and_it_leaves_in_bursts() -> None:
    outbox = UplinkQueue()
    outbox.put_audio(bytes((AUDIO_LIMIT_MS + 1) * BYTES_PER_MS), 1.0)
    assert outbox.dropped_ms == BURST_MS
    bursts = []
    while isinstance(burst := await at_once(outbox), Spoken):
        bursts.append(burst)
    assert [len(burst.pcm) // BYTES_PER_MS for burst in bursts] == [BURST_MS] * (AUDIO_LIMIT_MS // BURST_MS - 1)
    assert [burst.since_s for burst in bursts[:3]] == pytest.approx([1.4, 1.8, 2.2])


async def test_sound_may_pass_only_while_the_sender_is_idle_and_nothing_waits() -> None:
    outbox = UplinkQueue()
    message = bytes(MESSAGE_MS * BYTES_PER_MS)
    assert not outbox.may_pass(message), "nobody takes anything"
    sender = asyncio.ensure_future(outbox.take())
    await asyncio.sleep(0)
    assert outbox.may_pass(message)
    assert outbox.may_pass(bytes(BURST_MS * BYTES_PER_MS))
    assert not outbox.may_pass(message[2:]), "too little for a message of its own"
    assert not outbox.may_pass(bytes(BURST_MS * BYTES_PER_MS + 2)), "too much for one"
    outbox.put_audio(message[2:], 1.0)
    assert not outbox.may_pass(message), "that crumb comes first"
    outbox.put(CancelResponse("r1"))
    async with asyncio.timeout(5):
        assert await sender == Spoken(message[2:], 1.0)
    assert not outbox.may_pass(message), "the sender is at it"


class SlowNetwork(RuleBasedStateMachine):
    """A sender that takes when it likes. Each millisecond of sound carries a number of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.outbox = UplinkQueue()
        self.put: list[Message | int] = []
        self.taken: list[Message | int] = []
        self.spoken_ms = 0
        self.messages = 0

    def teardown(self) -> None:
        self.loop.close()

    @rule(ms=st.integers(1, 60))
    def speak(self, ms: int) -> None:
        numbers = range(self.spoken_ms, self.spoken_ms + ms)
        dropped_ms, waiting_ms = self.outbox.dropped_ms, self.waiting_ms()
        self.spoken_ms = numbers.stop
        self.outbox.put_audio(b"".join(n.to_bytes(BYTES_PER_MS, "big") for n in numbers), float(numbers.start))
        self.put += numbers
        if waiting_ms + ms <= outbox_module.AUDIO_LIMIT_MS:
            assert self.outbox.dropped_ms == dropped_ms, "nothing is dropped while there is room"

    @rule()
    def message(self) -> None:
        self.messages += 1
        message = CancelResponse(f"r{self.messages}")
        self.outbox.put(message)
        self.put.append(message)

    @rule()
    def take(self) -> None:
        self.take_one()

    def take_one(self) -> bool:
        entry = self.loop.run_until_complete(at_once(self.outbox))
        if isinstance(entry, Spoken):
            pieces = [entry.pcm[i : i + BYTES_PER_MS] for i in range(0, len(entry.pcm), BYTES_PER_MS)]
            numbers = [int.from_bytes(piece, "big") for piece in pieces]
            assert numbers[0] == entry.since_s, "the time of its first sample"
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "no gap within a message"
            assert len(numbers) <= BURST_MS
            self.taken += numbers
        elif entry is not None:
            self.taken.append(entry)
        return entry is not None

    @rule()
    def take_all(self) -> None:
        while self.take_one():
            pass
        assert self.waiting_ms() < MESSAGE_MS, "only what is too short for a message of its own may be kept back"
        assert len(self.taken) == len(self.put) - self.waiting_ms() - self.outbox.dropped_ms

    def waiting_ms(self) -> int:
        return self.spoken_ms - sum(isinstance(entry, int) for entry in self.taken) - self.outbox.dropped_ms

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
        assert 0 <= self.waiting_ms() <= outbox_module.AUDIO_LIMIT_MS


def test_on_a_slow_network_messages_and_sound_keep_their_order_and_their_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "AUDIO_LIMIT_MS", 100)  # ten seconds are too many for random steps to reach
    run_state_machine_as_test(SlowNetwork, settings=settings(max_examples=60, stateful_step_count=30, deadline=None))
