"""The service's limit of connections a minute is never exceeded, and a person comes before everything else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config import settings
from device_daemon.errors import ServiceBusy
from device_daemon.voicelive.quota import (
    MINUTE_S,
    PER_MINUTE,
    RESERVED,
    QuotaClient,
    TokenBucket,
    connections_per_minute,
)
from tests.unit.conversation.room import FakeClient


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=300))
def test_no_minute_sees_more_connections_than_the_service_allows(steps: list[tuple[float, bool]]) -> None:
    bucket, now_s = TokenBucket(), 0.0
    opened_s: list[float] = []
    for step_s, background in steps:
        now_s += step_s
        wait_s = bucket.take(now_s, background=background)
        assert wait_s >= 0.0
        if not wait_s:
            opened_s.append(now_s)
    for first, last in zip(opened_s, opened_s[PER_MINUTE:], strict=False):
        assert last - first >= MINUTE_S


@given(st.lists(st.floats(0, 5), min_size=40, max_size=80))
def test_what_happens_in_the_background_leaves_some_for_a_person(steps: list[float]) -> None:
    bucket, now_s = TokenBucket(), 0.0
    for step_s in steps:
        now_s += step_s
        bucket.take(now_s, background=True)
    assert [bucket.take(now_s, background=False) for _ in range(RESERVED)] == [0.0] * RESERVED


@given(st.integers(1, 60), st.booleans())
def test_whoever_waits_as_long_as_was_said_is_let_through(presses: int, background: bool) -> None:
    bucket = TokenBucket()
    for number in range(presses):
        bucket.take(number * 0.1, background=False)
    now_s = presses * 0.1
    wait_s = bucket.take(now_s, background=background)
    if wait_s:
        assert bucket.take(now_s + wait_s + 0.001, background=background) == 0.0


class Service(FakeClient):
    """A service that is busy when told so, and a clock."""

    def __init__(self) -> None:
        super().__init__([])
        self.now_s = 0.0
        self.client = QuotaClient(self, TokenBucket(per_minute=4, reserved=2), now=lambda: self.now_s)


async def test_a_press_storm_is_answered_with_when_to_come_back() -> None:
    service = Service()
    for _ in range(4):
        await service.client.connect()
    with pytest.raises(ServiceBusy, match="in 60 s") as caught:
        await service.client.connect()
    assert caught.value.retry_after_s == 60.0
    assert len(service.connections) == 4
    service.now_s = 60.0
    await service.client.connect()


async def test_the_background_may_not_take_the_last_tokens() -> None:
    service = Service()
    await service.client.background.connect()
    await service.client.background.connect()
    with pytest.raises(ServiceBusy):
        await service.client.background.connect()
    await service.client.connect()


async def test_what_the_service_asked_the_check_to_wait_holds_for_a_press_too() -> None:
    service = Service()
    service.failures = [ServiceBusy("429", retry_after_s=17.0)]
    with pytest.raises(ServiceBusy, match="429"):
        await service.client.background.connect()
    service.now_s = 10.0
    with pytest.raises(ServiceBusy, match="in 7 s") as caught:
        await service.client.connect()
    assert caught.value.retry_after_s == 7.0
    service.now_s = 17.0
    await service.client.connect()


@pytest.mark.parametrize(
    ("service", "limited"),
    [
        (settings.Service(endpoint="https://my-room.services.ai.azure.com"), True),
        (settings.Service(endpoint="ws://127.0.0.1:8765"), False),
        (settings.Service(endpoint="wss://localhost:8765"), False),
        (settings.Service(local=True), False),
    ],
)
def test_the_quota_is_azures_and_a_service_on_this_machine_has_none(service: settings.Service, limited: bool) -> None:
    assert (connections_per_minute(service) <= 30) is limited
