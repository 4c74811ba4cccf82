"""The speaker on the simulated card: what was really heard, to the sample."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from device_daemon.audio.pcm import SILENCE_DBFS
from device_daemon.audio.speaker import Flushed, Silent, Started
from tests.integration.audio.mouth import DEADLINE_S, MakeMouth
from tests.integration.audio.sound import noise, stall_every_thread, tone


def speaker_thread() -> threading.Thread:
    return next(thread for thread in threading.enumerate() if thread.name == "speaker")


def wake_ups(thread: threading.Thread) -> int:
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    return int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0])


@pytest.mark.parametrize("device", ["simcard", "default"])
@pytest.mark.parametrize("coarse_pointer", [False, True])
async def test_what_is_played_is_heard_to_the_sample_and_told(
    make_mouth: MakeMouth, device: str, *, coarse_pointer: bool
) -> None:
    mouth = make_mouth({"coarse_pointer": coarse_pointer}, device=device)
    played = noise(300)
    pcm = played.tobytes()
    for ticket, start in enumerate(range(0, len(pcm), 4801 * 2), start=1):
        mouth.speaker.play("item", pcm[start : start + 4801 * 2], ticket)
    silent = await mouth.silent(2)
    np.testing.assert_array_equal(mouth.heard(), played)
    first_s = mouth.card.first_sound_after(mouth.began_s)
    started = mouth.of(Started)[0]
    assert mouth.events == [started, silent]
    assert started.source == "item"
    assert started.at_s == pytest.approx(first_s, abs=0.003)
    assert silent.at_s - started.at_s == pytest.approx(0.3, abs=0.003)
    assert mouth.card.underruns == 0


@pytest.mark.parametrize("length_ms", [30, 79, 235, 315])
@pytest.mark.parametrize("coarse_pointer", [False, True])
async def test_through_a_rate_converter_all_is_heard_also_what_does_not_fill_a_period(
    make_mouth: MakeMouth, length_ms: int, *, coarse_pointer: bool
) -> None:
    mouth = make_mouth({"rate_hz": 48_000, "channels": 2, "coarse_pointer": coarse_pointer}, device="default")
    mouth.speaker.play("item", tone(length_ms).tobytes(), 1)
    await mouth.silent(1)
    async with asyncio.timeout(DEADLINE_S):
        while mouth.card.speaker_running:  # noqa: ASYNC110 - there is no event for that
            await asyncio.sleep(0.001)
    assert len(mouth.heard()) / 48 == pytest.approx(length_ms, abs=2)
    assert mouth.card.underruns == 0


async def test_sources_follow_each_other_without_a_gap_and_each_is_told(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.play("first", noise(50).tobytes(), 1)
    mouth.speaker.play("second", noise(50, seed=2).tobytes(), 2)
    await mouth.silent(2)
    np.testing.assert_array_equal(mouth.heard(), np.concatenate([noise(50), noise(50, seed=2)]))
    first, second = mouth.of(Started)
    assert (first.source, second.source) == ("first", "second")
    assert second.at_s - first.at_s == pytest.approx(0.05, abs=0.003)


@pytest.mark.parametrize("coarse_pointer", [False, True])
async def test_a_flush_falls_silent_within_3_ms_and_says_how_much_was_heard(
    make_mouth: MakeMouth, *, coarse_pointer: bool
) -> None:
    mouth = make_mouth({"coarse_pointer": coarse_pointer})
    played = noise(1000)
    mouth.speaker.play("item", played.tobytes(), 1)
    await mouth.until_heard("item", 123)
    mouth.speaker.flush(2)
    flushed = await mouth.flushed(2)
    heard = mouth.card.heard(mouth.began_s, flushed.at_s + 0.05)
    heard = heard[np.flatnonzero(heard)[0] :]
    whole = int(np.flatnonzero(heard != played[: len(heard)])[0])  # up to the cut, every sample
    assert flushed.source == "item"
    assert flushed.heard_ms == pytest.approx(whole / 24, abs=2)
    tail = heard[whole:]
    assert 0 < len(np.flatnonzero(tail)) <= 72
    last_s = mouth.card.last_sound_before(time.monotonic() + 0.1, threshold=0)
    assert flushed.at_s == pytest.approx(last_s, abs=0.003)
    assert mouth.speaker.counters.flushes == 1
    assert mouth.of(Silent) == []


async def test_only_what_is_played_after_a_flush_is_heard(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.play("old", np.full(24_000, 5000, np.int16).tobytes(), 1)
    await mouth.until(lambda: mouth.of(Started))
    mouth.speaker.flush(2)
    mouth.speaker.play("new", np.full(2400, 9000, np.int16).tobytes(), 3)
    await mouth.silent(3)
    heard = mouth.heard()
    assert np.count_nonzero(heard == 9000) == 2400
    assert np.all(heard[np.flatnonzero(heard == 9000)[0] :] == 9000)
    assert [type(event) for event in mouth.events] == [Started, Flushed, Started, Silent]


async def test_a_flush_of_silence_is_answered_too(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.flush(1)
    flushed = await mouth.flushed(1)
    assert (flushed.source, flushed.heard_ms) == ("", 0)


async def test_when_flush_returns_the_sound_is_cut_off_already(make_mouth: MakeMouth) -> None:
    # Else a loop that goes on with its work would keep the speaker's thread from cutting it off.
    mouth = make_mouth()
    cut_off: list[bool] = []
    for attempt in range(5):  # it waits for 2 ms at most, which a crowded machine may exceed
        mouth.speaker.play(f"item-{attempt}", np.full(24_000, 5000, np.int16).tobytes(), 2 * attempt)
        await mouth.until_heard(f"item-{attempt}", 30)
        mouth.speaker.flush(2 * attempt + 1)
        returned_s = time.monotonic()
        cut_off.append(not mouth.card.heard(returned_s + 0.005, returned_s + 0.1).any())
        await mouth.flushed(2 * attempt + 1)
    assert any(cut_off)


async def test_while_nothing_is_heard_nothing_runs(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.play("item", noise(30).tobytes(), 1)
    await mouth.silent(1)
    async with asyncio.timeout(DEADLINE_S):
        while mouth.card.speaker_running:  # noqa: ASYNC110 - a card sets no events
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.02)  # for the thread to lie down
    before = wake_ups(speaker_thread())
    await asyncio.sleep(0.3)
    assert wake_ups(speaker_thread()) == before
    assert mouth.card.speaker_open


async def test_volume_scales_and_changes_while_it_plays(make_mouth: MakeMouth) -> None:
    mouth = make_mouth(volume=50, period_ms=20)
    mouth.speaker.play("item", np.full(24_000, 8000, np.int16).tobytes(), 1)
    await mouth.until_heard("item", 50)
    assert mouth.speaker.level_dbfs() == pytest.approx(20 * math.log10(1000 / 32_768), abs=0.5)
    mouth.speaker.volume = 100
    await mouth.until_heard("item", 200)
    heard = mouth.heard()
    assert heard[1000] == 1000
    assert heard[4500] == 8000
    assert np.abs(np.diff(heard[:4500].astype(int))).max() < 200
    assert mouth.speaker.volume == 100


async def test_the_level_is_that_of_what_is_heard_at_the_moment_and_not_of_what_waits_in_the_card(
    make_mouth: MakeMouth,
) -> None:
    mouth = make_mouth()
    loud, soft = (np.full(4800, height, np.int16).tobytes() for height in (16_384, 164))
    mouth.speaker.play("item", loud + soft, 1)
    await mouth.until_heard("item", 100)
    assert mouth.speaker.level_dbfs() == pytest.approx(-6, abs=0.5)
    await mouth.until_heard("item", 300)
    assert mouth.speaker.level_dbfs() == pytest.approx(-46, abs=0.5)


async def test_a_source_can_be_softer_than_the_rest(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.play("sound:ready", np.full(1200, 8000, np.int16).tobytes(), 1, gain=0.5)
    await mouth.silent(1)
    assert set(mouth.heard()) == {4000}
    async with asyncio.timeout(DEADLINE_S):
        while mouth.speaker.level_dbfs() > SILENCE_DBFS:  # noqa: ASYNC110 - there is no event for that
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 2), (44_100, 2), (16_000, 1)])
async def test_a_card_with_another_rate_or_more_channels_gets_what_it_wants(
    make_mouth: MakeMouth, rate_hz: int, channels: int
) -> None:
    mouth = make_mouth({"rate_hz": rate_hz, "channels": channels})
    mouth.speaker.play("item", tone(400).tobytes(), 1)
    await mouth.until_heard("item", 200)
    silent = await mouth.silent(1)
    heard = mouth.heard()
    if channels == 2:
        np.testing.assert_array_equal(heard, mouth.heard(channel=1))
    assert len(heard) == pytest.approx(0.4 * rate_hz, abs=rate_hz // 400)
    middle = heard[rate_hz // 20 : -rate_hz // 20].astype(float)
    phase = 2 * np.pi * 500 * np.arange(len(middle)) / rate_hz
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    fit, residue, *_ = np.linalg.lstsq(basis, middle, rcond=None)
    assert np.hypot(*fit) == pytest.approx(10_000, rel=0.01)
    assert math.sqrt(residue[0] / len(middle)) < 2
    assert silent.at_s - mouth.of(Started)[0].at_s == pytest.approx(0.4, abs=0.003)


async def test_a_flush_of_converted_sound_says_how_much_was_heard_too(make_mouth: MakeMouth) -> None:
    mouth = make_mouth({"rate_hz": 48_000, "channels": 2, "coarse_pointer": True})
    mouth.speaker.play("item", np.full(24_000, 9000, np.int16).tobytes(), 1)
    await mouth.until_heard("item", 100)
    mouth.speaker.flush(2)
    flushed = await mouth.flushed(2)
    whole_ms = np.count_nonzero(mouth.heard() >= 8990) / 48
    assert flushed.heard_ms == pytest.approx(whole_ms, abs=2)


async def test_an_underrun_is_counted_and_nothing_is_lost(make_mouth: MakeMouth) -> None:
    mouth = make_mouth(period_ms=20, periods=4)
    played = noise(400)
    mouth.speaker.play("item", played.tobytes(), 1)
    await mouth.until_heard("item", 50)
    stall_every_thread(0.1)
    await mouth.silent(1)
    heard = mouth.heard()
    np.testing.assert_array_equal(heard[heard != 0], played)
    assert mouth.speaker.counters.underruns == mouth.card.underruns >= 1


async def test_late_sound_is_counted_as_a_gap(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    mouth.speaker.play("item", noise(30).tobytes(), 1)
    await mouth.silent(1)
    mouth.speaker.play("item", noise(30, seed=2).tobytes(), 2)
    await mouth.silent(2)
    heard = mouth.heard()
    np.testing.assert_array_equal(heard[heard != 0], np.concatenate([noise(30), noise(30, seed=2)]))
    assert mouth.speaker.counters.starved == 1


async def test_sound_cannot_be_made_louder_than_it_is(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    with pytest.raises(ValueError, match="quieter"):
        mouth.speaker.play("item", bytes(480), 1, gain=1.01)


async def test_half_a_sample_is_refused(make_mouth: MakeMouth) -> None:
    mouth = make_mouth()
    with pytest.raises(ValueError, match="half a sample"):
        mouth.speaker.play("item", b"123", 1)
