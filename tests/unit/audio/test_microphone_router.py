"""The microphone at rest: what is kept for a question in the same breath, and for how long."""

from __future__ import annotations

import pytest

from device_daemon.audio.microphone_router import KEPT_S, MicrophoneRouter
from device_daemon.audio.period import Period
from device_daemon.config.settings import MicrophoneSettings

PERIOD_S = 0.02


def period(number: int) -> Period:
    return Period(bytes(960), (number + 1) * PERIOD_S)


def nothing(*_: object) -> None:
    """Nobody wants to know."""


@pytest.fixture
async def ear() -> MicrophoneRouter:
    ear = MicrophoneRouter(MicrophoneSettings(), on_failure=nothing, on_recovery=nothing)
    ear.words = nothing
    return ear


async def test_what_followed_the_word_begins_with_the_period_in_which_the_word_ended(ear: MicrophoneRouter) -> None:
    ear._hear([period(n) for n in range(10)])
    assert ear.since(4.5 * PERIOD_S) == [period(n) for n in range(4, 10)]


@pytest.mark.parametrize("period_ms", [1, 20, 100])
async def test_not_more_is_kept_than_a_breath_whatever_periods_the_card_gives(
    ear: MicrophoneRouter, period_ms: int
) -> None:
    for number in range(1, 8_000 // period_ms + 1):
        ear._hear([Period(bytes(48 * period_ms), number * period_ms / 1000)])
    kept_s = 8.0 - ear.since(0.0)[0].begins_at_s
    assert KEPT_S - period_ms / 1000 <= kept_s + 1e-6
    assert kept_s <= KEPT_S + 1e-6


async def test_nothing_is_kept_of_a_conversation_or_where_no_word_is_listened_for_or_once_it_is_closed(
    ear: MicrophoneRouter,
) -> None:
    heard: list[Period] = []
    ear.conversation = heard.extend
    ear._hear([period(0)])
    assert heard == [period(0)]
    ear.conversation, ear.words = None, None
    ear._hear([period(1)])
    assert not ear.since(0.0)
    ear.words = nothing
    ear._hear([period(2)])
    assert ear.since(0.0) == [period(2)]
    await ear.close()
    assert not ear.since(0.0)
