"""The microphone on the simulated card."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_daemon.audio.alsa import Stream
from device_daemon.audio.device_thread import OPEN_PATIENCE_S
from device_daemon.audio.microphone import Microphone
from device_daemon.audio.pcm import SILENCE_DBFS
from device_daemon.audio.period import Period
from device_daemon.audio.uplink_chunker import CHUNK_MS
from device_daemon.config.settings import MicrophoneSettings
from device_daemon.errors import DeviceBusy, DeviceGone, DeviceSlow, DeviceUnknown, SpeakerError
from scripts.rig.card import SimulatedCard
from tests.integration.audio.sound import Samples, noise, stall_every_thread, tone

DEADLINE_S = 8.0


class Ear:
    """A microphone and what came of it."""

    def __init__(self, card: SimulatedCard, **settings: Any) -> None:
        self.card = card
        self.periods: list[Period] = []
        self.chunks: list[list[Period]] = []
        self.failures: list[SpeakerError] = []
        self.recoveries = 0
        self._changed = asyncio.Event()
        self.microphone = Microphone(
            MicrophoneSettings(**{"device": "simcard", "period_ms": 20, **settings}),
            loop=asyncio.get_running_loop(),
            on_periods=self._on_periods,
            on_failure=self._on_failure,
            on_recovery=self._on_recovery,
        )

    def _on_periods(self, periods: list[Period]) -> None:
        self.periods += periods
        self.chunks.append(periods)
        self._changed.set()

    def _on_failure(self, error: SpeakerError) -> None:
        self.failures.append(error)
        self._changed.set()

    def _on_recovery(self) -> None:
        self.recoveries += 1
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def until_thread(self, condition: Callable[[], object]) -> None:
        """Wait for what a thread does without telling."""
        async with asyncio.timeout(DEADLINE_S):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    def pretend_hardware(self) -> None:
        """Let hw:CARD=... be the card, and plughw:CARD=... the same through conversions, as alsa-lib names real ones."""
        path = Path(self.card.environment()["ALSA_CONFIG_PATH"])
        arguments = '@args [ CARD ] @args.CARD { type string default "none" }'
        slave = path.read_text().split("pcm.simcard {")[1].split(";", 2)[1].strip()
        path.write_text(
            path.read_text()
            + f"pcm.!hw {{ {arguments} type simcard {slave} }}\n"
            + f"pcm.!plughw {{ {arguments} type plug slave.pcm simcard }}\n"
        )

    async def until_captured(self, monotonic_s: float) -> None:
        await self.until(lambda: self.periods and self.periods[-1].captured_at_s >= monotonic_s)

    def heard(self) -> Samples:
        return np.frombuffer(b"".join(period.pcm for period in self.periods), np.int16)


MakeEar = Callable[..., Ear]


@pytest.fixture
async def make_ear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeEar]:
    """Make an `Ear` on a card of its own: `card` holds the card's properties, the rest are the microphone's settings."""
    ears: list[Ear] = []

    def make(card: dict[str, Any] | None = None, **settings: Any) -> Ear:
        simulated = SimulatedCard(tmp_path / "card", **(card or {}))
        for name, value in simulated.environment().items():
            monkeypatch.setenv(name, value)
        ears.append(Ear(simulated, **settings))
        return ears[-1]

    yield make
    closings: list[Awaitable[None]] = [ear.microphone.close() for ear in ears]
    await asyncio.gather(*closings)


def microphone_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "microphone"]


def place(said: Samples, heard: Samples) -> int:
    """At which sample all of it begins."""
    return next(int(i) for i in np.flatnonzero(heard == said[0]) if np.array_equal(heard[i : i + len(said)], said))


@pytest.mark.parametrize("device", ["simcard", "default"])
async def test_what_is_said_arrives_to_the_sample_and_knows_when_it_was_said(make_ear: MakeEar, device: str) -> None:
    ear = make_ear(device=device, period_ms=10)
    said = noise(300)
    begins_s = ear.card.say(said, time.monotonic() + 0.1)
    ear.microphone.open()
    await ear.until_captured(begins_s + 0.31)
    heard = ear.heard()
    start = place(said, heard)
    assert ear.microphone.counters.periods == len(ear.periods)
    assert ear.microphone.counters.overruns == ear.card.overruns == 0
    assert {len(period.pcm) for period in ear.periods} == {480}
    times = np.array([period.captured_at_s for period in ear.periods])
    truth = begins_s + (240 * np.arange(1, len(times) + 1) - start) / 24_000
    # The first are known less well: a line through the card's steps takes some steps to be found.
    assert np.abs(times - truth)[len(times) // 2 :].max() < 0.003
    assert np.all(np.diff(times) > 0)


@pytest.mark.parametrize("periods", [3, 4, 16])
async def test_a_long_speech_that_is_read_some_periods_at_a_time_arrives_whole(make_ear: MakeEar, periods: int) -> None:
    ear = make_ear(periods=periods)
    said = noise(1500)
    begins_s = ear.card.say(said, time.monotonic() + 0.3)
    ear.microphone.open()
    await ear.until_captured(begins_s + 1.6)
    heard = ear.heard()
    start = place(said, heard)
    ends_s = np.array([period.captured_at_s for period in ear.periods])
    truth = begins_s + (480 * np.arange(1, len(ends_s) + 1) - start) / 24_000
    assert np.abs(ends_s - truth)[len(ends_s) // 2 :].max() < 0.003
    assert ear.microphone.counters.overruns == ear.card.overruns == 0


async def test_a_quiet_room_is_handed_over_in_chunks_of_a_constant_length(make_ear: MakeEar) -> None:
    ear = make_ear()
    ear.microphone.open()
    await ear.until_captured(time.monotonic() + 1.0)
    frames = [sum(len(period.pcm) for period in chunk) // 2 for chunk in ear.chunks]
    assert set(frames) == {24 * CHUNK_MS}


@pytest.mark.parametrize(("asked_ms", "given_ms"), [(100, 10), (2, 40)])
async def test_whatever_periods_a_card_gives_its_sound_may_wait_for_a_busy_loop_as_long(
    make_ear: MakeEar, asked_ms: int, given_ms: int
) -> None:
    ear = make_ear({"period_ms": (given_ms, given_ms)}, period_ms=asked_ms)
    said = noise(100)
    ear.microphone.open()
    await ear.until(lambda: ear.periods)
    begins_s = ear.card.say(said, time.monotonic() + 0.1)
    time.sleep(1.5)  # noqa: ASYNC251 - the busy loop
    await ear.until_captured(begins_s + 0.15)
    place(said, ear.heard())
    assert {len(period.pcm) for period in ear.periods} == {given_ms * 48}
    assert ear.microphone.counters.dropped_periods == 0


async def test_a_thread_that_holds_the_interpreter_makes_no_period_seem_later_than_it_was(make_ear: MakeEar) -> None:
    ear = make_ear()
    said = noise(300)
    over = threading.Event()
    greedy = threading.Thread(target=_be_greedy, args=(over,))
    greedy.start()
    try:
        begins_s = ear.card.say(said, time.monotonic() + 0.1)
        ear.microphone.open()
        await ear.until_captured(begins_s + 0.31)
    finally:
        over.set()
        greedy.join()
    heard = ear.heard()
    start = place(said, heard)
    ends = np.cumsum([len(period.pcm) // 2 for period in ear.periods])
    times = np.array([period.captured_at_s for period in ear.periods])
    assert np.abs(times - begins_s - (ends - start) / 24_000)[len(times) // 2 :].max() < 0.003


def _be_greedy(over: threading.Event) -> None:
    """As a thread that imports: it lets others have the interpreter only when it must, 5 ms after they ask."""
    while not over.is_set():
        sum(range(1000))


async def test_with_a_pointer_that_moves_in_periods_times_are_right_too(make_ear: MakeEar) -> None:
    ear = make_ear({"coarse_pointer": True}, period_ms=20)
    said = noise(100)
    begins_s = ear.card.say(said, time.monotonic() + 0.2)
    ear.microphone.open()
    await ear.until_captured(begins_s + 0.15)
    start = next(
        i for i in np.flatnonzero(ear.heard() == said[0]) if np.array_equal(ear.heard()[i : i + 100], said[:100])
    )
    end = len(ear.periods) * 480
    assert ear.periods[-1].captured_at_s == pytest.approx(begins_s + (end - start) / 24_000, abs=0.003)


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 2), (44_100, 1), (16_000, 2)])
async def test_a_card_with_another_rate_or_more_channels_is_converted_in_place(
    make_ear: MakeEar, rate_hz: int, channels: int
) -> None:
    ear = make_ear({"rate_hz": rate_hz, "channels": channels})
    said = (tone(200) * np.hanning(4800)).astype(np.int16)
    begins_s = ear.card.say(said, time.monotonic() + 0.1)
    ear.microphone.open()
    await ear.until_captured(begins_s + 0.25)
    heard = ear.heard().astype(float)
    start = len(heard) - round((ear.periods[-1].captured_at_s - begins_s) * 24_000)
    error = min(np.abs(heard[start + d : start + d + 4800] - said).max() for d in range(-72, 73))
    assert error < 700  # one sample's worth of this tone, for the place is known to a fraction of a sample only
    assert str(ear.microphone.negotiated).startswith(f"{rate_hz} Hz")


async def test_gain_makes_it_louder(make_ear: MakeEar) -> None:
    ear = make_ear(gain_db=6.0206)
    said = np.full(4800, 1000, np.int16)
    begins_s = ear.card.say(said, time.monotonic() + 0.05)
    ear.microphone.open()
    await ear.until_captured(begins_s + 0.1)
    assert set(ear.heard()) == {0, 2000}
    assert ear.microphone.level_dbfs() == pytest.approx(-24.3, abs=0.1)


async def test_after_close_the_card_is_free_no_thread_is_left_and_nothing_comes(make_ear: MakeEar) -> None:
    ear = make_ear(period_ms=10)
    ear.microphone.open()
    await ear.until(lambda: ear.periods)
    assert ear.card.microphone_running
    assert microphone_threads() == ["microphone"]
    await ear.microphone.close()
    count = len(ear.periods)
    assert not ear.card.microphone_open
    assert microphone_threads() == []
    assert ear.microphone.level_dbfs() == SILENCE_DBFS
    await asyncio.sleep(0)
    assert len(ear.periods) == count
    assert ear.microphone.counters.periods >= count
    assert str(ear.microphone.negotiated) == "24000 Hz mono S16_LE, 10 ms x 8"


async def test_opening_and_closing_twice_is_once(make_ear: MakeEar) -> None:
    ear = make_ear()
    ear.microphone.open()
    ear.microphone.open()
    await ear.until(lambda: ear.periods)
    assert microphone_threads() == ["microphone"]
    await ear.microphone.close()
    await ear.microphone.close()


async def test_opened_while_it_is_still_closing_it_waits_for_the_card(
    make_ear: MakeEar, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = Stream.close

    def close_slowly(stream: Stream) -> None:
        time.sleep(0.1)
        close(stream)

    monkeypatch.setattr(Stream, "close", close_slowly)
    ear = make_ear()
    ear.microphone.open()
    await ear.until(lambda: ear.periods)
    closing = asyncio.create_task(ear.microphone.close())
    await asyncio.sleep(0)
    ear.periods.clear()
    ear.microphone.open()
    await closing
    await ear.until(lambda: ear.periods)
    assert ear.failures == []
    assert ear.microphone.counters.reopened == 0


async def test_an_overrun_is_counted_and_capture_goes_on(make_ear: MakeEar) -> None:
    ear = make_ear()
    ear.microphone.open()
    await ear.until(lambda: ear.periods)
    stall_every_thread(0.2)
    stalled_until_s = time.monotonic()
    said = noise(100)
    begins_s = ear.card.say(said, stalled_until_s + 0.1)
    await ear.until_captured(begins_s + 0.15)
    assert ear.microphone.counters.overruns == ear.card.overruns >= 1
    start = ear.heard().tobytes().find(said.tobytes())
    assert start > 0
    assert ear.failures == []
    times = [period.captured_at_s for period in ear.periods]
    assert times == sorted(times)


async def test_unplugged_it_is_reported_once_and_back_it_is_taken_again(
    make_ear: MakeEar, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ear = make_ear()
    ear.microphone.open()
    await ear.until(lambda: ear.periods)
    ear.card.unplug()
    await ear.until(lambda: ear.failures)
    assert isinstance(ear.failures[0], DeviceGone)
    ear.card.plug()
    count = len(ear.periods)
    await ear.until(lambda: ear.recoveries)
    await ear.until(lambda: len(ear.periods) > count)
    assert len(ear.failures) == ear.recoveries == ear.microphone.counters.reopened == 1
    assert "microphone simcard is back" in caplog.messages
    # One line for what was negotiated, not one for each opening.
    assert sum("as asked" in message for message in caplog.messages) == 1


async def test_a_busy_card_is_reported_once_and_taken_when_it_is_free(
    make_ear: MakeEar, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ear = make_ear()
    ear.card.busy = True
    ear.microphone.open()
    await ear.until(lambda: ear.failures)
    assert isinstance(ear.failures[0], DeviceBusy)
    ear.card.busy = False
    await ear.until(lambda: ear.periods)
    assert len(ear.failures) == ear.recoveries == 1
    assert "microphone simcard is no longer busy" in caplog.messages


async def test_an_unknown_device_is_reported_and_closing_does_not_wait_for_it(make_ear: MakeEar) -> None:
    ear = make_ear(device="plughw:CARD=Nonesuch")
    ear.microphone.open()
    await ear.until(lambda: ear.failures)
    assert isinstance(ear.failures[0], DeviceUnknown)
    assert "one of: default, simcard, simplug" in str(ear.failures[0])
    await ear.microphone.close()
    assert microphone_threads() == []


async def test_a_card_that_stalls_is_opened_anew_at_once_and_goes_on_when_it_moves_again(make_ear: MakeEar) -> None:
    ear = make_ear()
    ear.microphone.open()
    await ear.until(lambda: ear.periods)
    ear.card.stuck = True
    stuck_s = time.monotonic()
    await ear.until(lambda: ear.failures)
    assert isinstance(ear.failures[0], DeviceGone)
    assert "gave no sound for 0.3 s" in str(ear.failures[0])
    assert not ear.microphone.health.ok
    await ear.until_thread(lambda: ear.card.microphone_open)
    await asyncio.sleep(max(0.0, stuck_s + 2.0 - time.monotonic()))
    ear.card.stuck = False
    await ear.until(lambda: ear.recoveries)
    assert ear.microphone.health.ok
    assert len(ear.failures) == 1
    await ear.until_captured(stuck_s + 2.0)


async def test_a_failed_card_that_is_looked_for_is_back_only_when_its_sound_flows(make_ear: MakeEar) -> None:
    ear = make_ear()
    ear.microphone.open()
    await ear.until(lambda: ear.periods)
    ear.card.stuck = True
    await ear.until(lambda: ear.failures)
    await ear.microphone.close()
    heard = len(ear.periods)
    ear.microphone.look_for()
    await ear.until_thread(lambda: ear.card.microphone_running)  # it can be opened, and started
    assert not ear.microphone.health.ok
    ear.card.stuck = False
    await ear.until(lambda: ear.recoveries)
    assert ear.microphone.health.ok
    await ear.until_thread(lambda: not ear.card.microphone_open)
    assert len(ear.failures) == 1
    assert len(ear.periods) == heard


async def test_a_card_that_never_gives_sound_is_reported(make_ear: MakeEar) -> None:
    ear = make_ear()
    ear.card.stuck = True
    ear.microphone.open()
    await ear.until(lambda: ear.failures)
    assert "gave no sound for 2 s" in str(ear.failures[0])
    assert not ear.microphone.health.ok


async def test_while_a_card_takes_its_time_to_open_the_loop_turns_and_it_is_reported_until_it_is_open(
    make_ear: MakeEar,
) -> None:
    ear = make_ear()
    ear.card.be_slow(open_ms=round(OPEN_PATIENCE_S * 1000) + 500, params_ms=200)
    ear.microphone.open()
    longest_s = 0.0
    while not ear.failures:
        before_s = time.monotonic()
        await asyncio.sleep(0.005)
        longest_s = max(longest_s, time.monotonic() - before_s)
    assert isinstance(ear.failures[0], DeviceSlow)
    assert not ear.microphone.health.ok
    await ear.until(lambda: ear.periods)
    assert ear.microphone.health.ok
    assert longest_s < OPEN_PATIENCE_S / 6


async def test_closed_while_it_is_being_opened_it_is_not_waited_for_and_never_captures(make_ear: MakeEar) -> None:
    ear = make_ear()
    ear.card.be_slow(open_ms=1500)
    ear.microphone.open()
    await ear.until_thread(lambda: microphone_threads() == ["microphone"])
    await asyncio.sleep(0.1)
    async with asyncio.timeout(1.0):
        await ear.microphone.close()
    captured_s = ear.card.captured_until_s
    await ear.until_thread(lambda: microphone_threads() == [])
    assert not ear.card.microphone_open
    assert ear.card.captured_until_s == captured_s


async def test_a_source_that_is_always_ready_is_read_no_faster_than_time_passes(make_ear: MakeEar) -> None:
    ear = make_ear(device="null")
    began_s = time.monotonic()
    ear.microphone.open()
    while time.monotonic() < began_s + 0.7:
        await ear.until(lambda: ear.periods)
        await asyncio.sleep(0.02)
        sound_s = len(ear.heard()) / 24_000
        assert sound_s <= time.monotonic() - began_s + 0.2
        assert ear.periods[-1].captured_at_s <= time.monotonic() + 0.02
    assert len(ear.heard()) > 0.3 * 24_000


@pytest.mark.parametrize(
    ("device", "channel", "heard"),
    [
        ("simcard", None, True),
        ("simcard", 3, False),
        ("plughw:CARD=Array", None, True),
        ("plughw:CARD=Array", 5, False),
    ],
)
async def test_of_a_microphone_array_one_channel_is_sent_as_it_is(
    make_ear: MakeEar, device: str, channel: int | None, *, heard: bool
) -> None:
    ear = make_ear({"channels": 6, "voice_channel": 0}, device=device, channel=channel)
    ear.pretend_hardware()
    said = np.full(2400, 6000, np.int16)
    begins_s = ear.card.say(said, time.monotonic() + 0.1)
    ear.microphone.open()
    await ear.until_captured(begins_s + 0.15)
    assert set(ear.heard()) == ({0, 6000} if heard else {0})


@pytest.mark.parametrize(("channel", "loudest"), [(None, 3000), (0, 6000), (1, 0)])
async def test_of_a_stereo_card_behind_plughw_the_mean_is_sent_unless_a_channel_is_chosen(
    make_ear: MakeEar, channel: int | None, loudest: int
) -> None:
    ear = make_ear({"channels": 2, "voice_channel": 0}, device="plughw:CARD=Two", channel=channel)
    ear.pretend_hardware()
    begins_s = ear.card.say(np.full(2400, 6000, np.int16), time.monotonic() + 0.1)
    ear.microphone.open()
    await ear.until_captured(begins_s + 0.15)
    assert abs(int(ear.heard().max()) - loudest) <= 1


async def test_what_happens_after_close_is_not_reported(make_ear: MakeEar) -> None:
    ear = make_ear()
    ear.card.busy = True
    ear.microphone.open()
    await ear.microphone.close()
    assert ear.failures == []


async def test_a_fault_of_the_program_is_reported_rather_than_leave_a_deaf_microphone(
    make_ear: MakeEar, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("device_daemon.audio.capture_thread.from_card", fail)
    ear = make_ear()
    ear.microphone.open()
    await ear.until(lambda: ear.failures)
    assert type(ear.failures[0]) is SpeakerError
    assert "a bug" in str(ear.failures[0])
    assert "Traceback" in caplog.text
    await ear.microphone.close()
    assert not ear.card.microphone_open
