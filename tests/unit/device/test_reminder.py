"""What still does not work is logged again, seldom."""

from __future__ import annotations

import asyncio
import logging

import pytest

from device_daemon.device.reminder import EVERY_S, Reminder
from device_daemon.errors import DeviceGone
from device_daemon.health import Health, Part

GONE = DeviceGone("the microphone is gone: plug it in again", "default")


class Pauses:
    """Each pause lasts until the test ends it."""

    def __init__(self) -> None:
        self.asked_s: list[float] = []
        self._over = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        self.asked_s.append(seconds)
        await self._over.acquire()

    async def end(self) -> None:
        """End the pause; returns when the next one has begun."""
        before = len(self.asked_s)
        self._over.release()
        while len(self.asked_s) <= max(before, 1):  # noqa: ASYNC110 - a few turns of the loop
            await asyncio.sleep(0)


@pytest.fixture
async def pauses() -> Pauses:
    return Pauses()


async def test_a_failure_that_lasts_is_logged_again_after_ten_minutes_and_not_when_it_is_over(
    pauses: Pauses, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    microphone, service = Health(Part.MICROPHONE), Health(Part.SERVICE)
    reminder = Reminder(lambda: [microphone, service], pauses)
    reminder.start()
    await pauses.end()
    assert not caplog.messages
    microphone.failed(GONE, 1.0)
    await pauses.end()
    assert not caplog.messages, "the part itself has just logged it"
    microphone.failed(DeviceGone(str(GONE), "default"), 2.0)  # tried again, and the same
    await pauses.end()
    assert caplog.messages == [f"still: {GONE}"]
    microphone.recovered(3.0)
    await pauses.end()
    assert len(caplog.messages) == 1
    assert set(pauses.asked_s) == {EVERY_S}
    await reminder.close()
