"""The player in virtual time: whatever is played, flushed and delayed, in any order, its promises hold."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from device_daemon.audio import player as player_module
from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.audio.speaker_events import Flushed, Silent
from tests.unit.audio.virtual_card import MS, Bench, VirtualCard, ramp, silence


class AnyOrder(RuleBasedStateMachine):
    """Samples are numbered as they are played, so what is heard tells what it is."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(player_module, "fade_out", silence)
        self.number = 1
        self.ticket = 0
        self.flushes: list[int] = []
        self.first_allowed = 1
        self.runs: list[tuple[str, int, int]] = []  # (source, first number, end) of each source's unbroken playing
        self.fresh = True

    def teardown(self) -> None:
        self._patch.undo()

    @initialize(
        shape=st.sampled_from([(240, 4), (48, 4), (240, 2), (480, 3)]),
        late_frames=st.integers(0, 30),
        coarse=st.booleans(),
    )
    def set_up(self, shape: tuple[int, int], late_frames: int, coarse: bool) -> None:
        self.bench = Bench(VirtualCard(*shape, coarse=coarse), late_frames)
        self.period = shape[0]

    def _heard(self) -> list[int]:
        live = self.bench.card
        now = [] if not live._running else list(live._written[: live.frame - live._started])
        return [sample for _, sample in live.heard] + [sample for sample in now if sample]

    @precondition(lambda self: self.number < 25_000)
    @rule(source=st.sampled_from("abc"), frames=st.integers(0, 1500), at_once=st.booleans())
    def play(self, source: str, frames: int, at_once: bool) -> None:
        self.ticket += 1
        self.bench.queue.put(source, ramp(frames, self.number).tobytes(), self.ticket, 1.0, 0.0)
        if frames == 0:
            return  # it has a ticket, and that is all
        if not self.fresh and self.runs and self.runs[-1][0] == source:
            self.runs[-1] = (source, self.runs[-1][1], self.number + frames)
        else:
            self.runs.append((source, self.number, self.number + frames))
        self.fresh = False
        self.number += frames
        if at_once:
            self.bench.player.work()

    @rule()
    def flush(self) -> None:
        heard = self._heard()
        last = heard[-1] if heard else 0
        self.ticket += 1
        self.flushes.append(self.ticket)
        self.bench.flush(self.ticket)
        answer = [event for event in self.bench.events if isinstance(event, Flushed)][-1]
        assert answer.ticket == self.ticket
        self._check_answer(answer, heard, last)
        self.first_allowed = self.number
        self.fresh = True

    def _check_answer(self, answer: Flushed, heard: list[int], last: int) -> None:
        if not answer.source:
            return
        # The pointer may be a period old after a stall, never more; and what was not heard is never counted.
        candidates = [run for run in self.runs if run[0] == answer.source and run[1] >= self.first_allowed]
        truths = [sum(first <= number < end for number in heard) for _, first, end in candidates]
        assert any(
            answer.heard_ms * MS <= truth + 2 and truth < (answer.heard_ms + 1) * MS + self.period + 2
            for truth in truths
        ), (answer, truths, last)

    @rule(frames=st.integers(1, 3000))
    def let_time_pass(self, frames: int) -> None:
        self.bench.run(frames)

    @rule(frames=st.integers(1, 1200))
    def stall(self, frames: int) -> None:
        self.bench.card.let_pass(frames)
        self.bench.player.work()

    @invariant()
    def nothing_is_heard_twice_or_out_of_order(self) -> None:
        if not hasattr(self, "bench"):
            return
        heard = self._heard()
        assert heard == sorted(set(heard))

    @invariant()
    def tickets_are_answered_in_order_and_once(self) -> None:
        if not hasattr(self, "bench"):
            return
        tickets = [event.ticket for event in self.bench.events if isinstance(event, Silent | Flushed)]
        assert tickets == sorted(set(tickets))
        flushed = [event.ticket for event in self.bench.events if isinstance(event, Flushed)]
        assert flushed == self.flushes

    @rule()
    def fall_silent(self) -> None:
        """When all is over, everything since the last flush was heard, without exception, and answered."""
        self.bench.run(2 * 25_000 + 3 * SAMPLE_RATE_HZ)
        heard = self._heard()
        assert [number for number in heard if number >= self.first_allowed] == list(
            range(self.first_allowed, self.number)
        )
        answers = [event.ticket for event in self.bench.events if isinstance(event, Silent | Flushed)]
        assert (answers[-1] if answers else 0) == self.ticket


AnyOrder.TestCase.settings = settings(max_examples=150, stateful_step_count=30)
TestAnyOrder = AnyOrder.TestCase
