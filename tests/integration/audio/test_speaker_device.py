"""What befalls the speaker's device: it is missing, busy, stuck, unplugged and back, or closed."""

from __future__ import annotations

import asyncio
import threading
import time

import numpy as np
import pytest

from device_daemon.audio.speaker import Failed, Recovered, Silent, Started
from device_daemon.errors import DeviceBusy, DeviceGone, DeviceUnknown
from tests.integration.audio.mouth import DEADLINE_S, MakeMouth
from tests.integration.audio.sound import noise


async def test_unplugged_while_it_plays_it_goes_on_when_it_is_back_soon(make_mouth: MakeMouth) -> None:
    mouth = make_mouth(period_ms=10, periods=4)
    mouth.speaker.play("item", noise(5000).tobytes(), 1)
    await mouth.until_heard("item", 50)
    mouth.card.unplug()
    await mouth.until(lambda: mouth.of(Failed))
    assert isinstance(mouth.of(Failed)[0].error, DeviceGone)
    heard_ms = mouth.heard_ms("item")
    mouth.card.plug()
    await mouth.until(lambda: mouth.of(Recovered))
    await mouth.until_heard("item", heard_ms + 50)
    assert len(mouth.of(Failed)) == len(mouth.of(Recovered)) == mouth.speaker.counters.reopened == 1
    assert mouth.speaker.counters.dropped_ms <= 50  # what was in the card's buffer


async def test_unplugged_for_long_it_discards_what_waits_and_says_so(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.play("item", noise(5000).tobytes(), 1)
    await mouth.until_heard("item", 50)
    mouth.card.unplug()
    await mouth.silent(1)
    assert len(mouth.of(Failed)) == 1
    in_the_card_ms = 360
    assert 5000 - in_the_card_ms - 1 <= mouth.speaker.counters.dropped_ms <= 5000 - mouth.heard_ms("item") + 1
    mouth.card.plug()
    await mouth.until(lambda: mouth.of(Recovered))
    before_s = time.monotonic()
    mouth.speaker.play("later", noise(50).tobytes(), 2)
    await mouth.silent(2)
    heard = mouth.card.heard(before_s, time.monotonic())
    np.testing.assert_array_equal(heard[heard != 0], noise(50))


async def test_without_a_device_flushes_are_answered_at_once_and_plays_after_a_while(make_mouth: MakeMouth) -> None:
    mouth = make_mouth(device="plughw:CARD=Nonesuch")
    await mouth.until(lambda: mouth.of(Failed))
    assert isinstance(mouth.of(Failed)[0].error, DeviceUnknown)
    mouth.speaker.play("item", noise(5000).tobytes(), 1)
    mouth.speaker.flush(2)
    assert (await mouth.flushed(2)).source == ""
    assert mouth.of(Silent) == []
    mouth.speaker.play("item", noise(500).tobytes(), 3)
    await mouth.silent(3)
    assert mouth.speaker.counters.dropped_ms == 500
    assert len(mouth.of(Failed)) == 1


async def test_a_busy_card_is_reported_once_and_taken_when_it_is_free(
    make_mouth: MakeMouth, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    mouth = make_mouth(before=lambda card: setattr(card, "busy", True))
    await mouth.until(lambda: mouth.of(Failed))
    assert isinstance(mouth.of(Failed)[0].error, DeviceBusy)
    mouth.speaker.play("item", noise(30).tobytes(), 1)
    mouth.card.busy = False
    await mouth.silent(1)
    np.testing.assert_array_equal(mouth.heard(), noise(30))
    assert [type(event) for event in mouth.events] == [Failed, Recovered, Started, Silent]
    assert "speaker simcard is no longer busy" in caplog.messages


async def test_a_card_that_is_stuck_is_reported_and_opened_again(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.play("item", noise(5000).tobytes(), 1)
    await mouth.until_heard("item", 30)
    mouth.card.stuck = True
    await mouth.until(lambda: mouth.of(Failed))
    assert "stood still for 0.5 s" in str(mouth.of(Failed)[0].error)
    mouth.card.stuck = False
    await mouth.until(lambda: mouth.of(Recovered))
    mouth.speaker.flush(2)
    await mouth.flushed(2)


async def test_a_card_that_can_be_opened_and_stands_still_does_not_count_as_back(
    make_mouth: MakeMouth, caplog: pytest.LogCaptureFixture
) -> None:
    mouth = make_mouth()
    mouth.speaker.play("item", noise(5000).tobytes(), 1)
    await mouth.until_heard("item", 30)
    mouth.card.stuck = True
    async with asyncio.timeout(DEADLINE_S):
        while mouth.speaker.counters.reopened < 2:  # noqa: ASYNC110 - there is no event for that
            await asyncio.sleep(0.01)
    assert mouth.of(Recovered) == []
    assert not mouth.speaker.health.ok
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1, "the same is logged once"
    mouth.card.stuck = False
    await mouth.until(lambda: mouth.of(Recovered))
    mouth.speaker.flush(2)
    await mouth.flushed(2)


async def test_pulled_out_while_nothing_is_heard_it_is_reported_and_back_when_it_is(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.play("item", noise(30).tobytes(), 1)
    await mouth.silent(1)
    mouth.card.unplug()
    await mouth.until(lambda: mouth.of(Failed))
    assert isinstance(mouth.of(Failed)[0].error, DeviceGone)
    assert not mouth.speaker.health.ok
    mouth.card.plug()
    await mouth.until(lambda: mouth.of(Recovered))
    assert mouth.speaker.health.ok


async def test_closed_while_it_plays_it_is_silent_and_the_card_is_free(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.play("item", np.full(24_000, 5000, np.int16).tobytes(), 1)
    await mouth.until(lambda: mouth.of(Started))
    await mouth.speaker.close()
    closed_s = time.monotonic()
    assert not mouth.card.speaker_open
    assert not [thread for thread in threading.enumerate() if thread.name == "speaker"]
    assert not mouth.card.heard(closed_s, closed_s + 1.0).any()
    await mouth.speaker.close()
    mouth.speaker.flush(2)
