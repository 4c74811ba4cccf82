"""The capture thread: the only one that reads an open microphone; gathers periods and hands them to the event loop."""

from __future__ import annotations

import asyncio
import math
import select
import time
from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct

from device_daemon.audio.alsa import XRUN, Negotiated, Stream
from device_daemon.audio.capture_pace import CapturePace
from device_daemon.audio.card_clock import POLL_GRACE_S, CardClock
from device_daemon.audio.converters import from_card
from device_daemon.audio.device_thread import PcmThread
from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS, SAMPLE_RATE_HZ, level_dbfs
from device_daemon.audio.period import Period
from device_daemon.audio.uplink_chunker import UplinkChunker
from device_daemon.config.settings import MicrophoneSettings
from device_daemon.errors import SpeakerError
from device_daemon.system.loop_bridge import LoopBridge

BUFFER_S: Final = 2.0
"""How much sound may wait for a busy event loop; then the oldest is dropped."""
FIRST_SOUND_S: Final = 2.0
"""A card may take so long from its start to its first sound."""
STALL_S: Final = 0.3
"""A card that gave sound and gives none for so long has stalled: it is opened anew. Never less than 4 periods."""
_POLL_GRACE_MS: Final = math.ceil(POLL_GRACE_S * 1000)


class MicrophoneCounters(Struct, frozen=True):
    """What happened since the program started."""

    periods: int = 0
    overruns: int = 0
    """How often the card had to discard sound because nobody read it in time."""
    dropped_periods: int = 0
    """Periods that waited for the event loop for more than 2 s."""
    reopened: int = 0
    """How often the device was opened again after it had failed."""
    captured_ms: int = 0

    def __add__(self, other: MicrophoneCounters) -> MicrophoneCounters:
        return MicrophoneCounters(
            self.periods + other.periods,
            self.overruns + other.overruns,
            self.dropped_periods + other.dropped_periods,
            self.reopened + other.reopened,
            self.captured_ms + other.captured_ms,
        )


class CaptureThread(PcmThread):
    """Reads from `start` to `stop`; a device that fails is opened again and again, and reported each time."""

    def __init__(
        self,
        settings: MicrophoneSettings,
        loop: asyncio.AbstractEventLoop,
        on_periods: Callable[[list[Period]], None],
        on_status: Callable[[CaptureThread, SpeakerError | None], None],
        process: Callable[[list[Period]], list[Period]],
    ) -> None:
        super().__init__(
            loop, "capture", settings.device, settings.period_ms, settings.periods, channel=settings.channel
        )
        self.bridge: LoopBridge[Period] = LoopBridge(
            loop, on_periods, round(BUFFER_S * 1000) * BYTES_PER_MS, lambda period: len(period.pcm)
        )
        self._gain_db = settings.gain_db
        self._channel = settings.channel
        self._on_status = on_status
        self._process = process
        self._pace = CapturePace(time.monotonic())
        self._periods_read = 0
        self._overruns = 0
        self._captured_bytes = 0
        self._last = b""

    @property
    def counters(self) -> MicrophoneCounters:
        """What happened since it was started."""
        return MicrophoneCounters(
            self._periods_read, self._overruns, self.bridge.dropped, self.reopened, self._captured_bytes // BYTES_PER_MS
        )

    def level_dbfs(self) -> float:
        """Return the level of the last 10 ms that were handed over."""
        return level_dbfs(self._last)

    def report(self, error: SpeakerError | None) -> None:
        """Report to the event loop that the device failed, or works."""
        self.post(partial(self._on_status, self, error))

    def serve(self, stream: Stream) -> None:
        """Capture from the open device until `stopping`."""
        while not self._capture(stream):
            self._overruns += 1

    def _capture(self, stream: Stream) -> bool:
        """Read from a start of the card on: until `stopping` (return True) or an overrun."""
        card_poll = select.poll()  # without `wake`: whoever stops this waits for the end of a period
        stream.register(card_poll)
        poll, chunker = card_poll.poll, UplinkChunker()
        got = stream.negotiated
        convert = from_card(got.card, self._gain_db, self._channel)
        period_ms = math.ceil(got.period_s * 1000)
        chunk: list[bytes] = []
        frames_read = max(0, stream.read()[0])  # starts the card; there is nothing to read yet, or not much
        timeline = _Timeline(got, frames_read)
        last_s = time.monotonic()
        timeline.clock.start(last_s)
        stall_s = FIRST_SOUND_S
        wait_ms = period_ms + _POLL_GRACE_MS
        while not self.stopping:
            polled = poll(wait_ms)
            frames, data = stream.read()
            if frames > 0:
                frames_read += frames
                pcm = convert(data)
                chunk.append(pcm)
                if chunker.add(pcm):
                    # With what came while this thread waited for the interpreter: 5 ms, while another one imports.
                    # The time after the question: taken before it, a wait in between would put the card ahead of itself,
                    # and all that is captured too early, for seconds.
                    frames_there = frames_read + max(0, stream.avail())
                    last_s = time.monotonic()
                    timeline.clock.observe(frames_there, last_s)
                    self._hand_over(timeline.periods(chunk))
                    chunk.clear()
                    stall_s = max(STALL_S, 4 * got.period_s)
                if at_once_ms := chunker.at_once_ms:
                    self._sleep_while_nothing_is_decided(timeline, frames_read, at_once_ms)
                # Where the card reports in time there is no need to look at the clock.
                due_ms = period_ms if polled else timeline.ms_until(frames_read + got.period_frames)
                wait_ms = due_ms + _POLL_GRACE_MS
            elif frames == XRUN:
                self._hand_over(timeline.periods(chunk))
                return False
            else:
                if polled:
                    stream.ready(polled)  # woken for nothing: a sound server's plug-in needs to know
                wait_ms = (timeline.ms_until(frames_read + got.period_frames) or period_ms) + _POLL_GRACE_MS
                if time.monotonic() - last_s >= stall_s:
                    raise stream.gone(f"it gave no sound for {stall_s:.1g} s")
        return True

    def _sleep_while_nothing_is_decided(self, timeline: _Timeline, frames_read: int, at_once_ms: int) -> None:
        """Sleep until that much more sound is there, but no longer than half of the card's buffer lasts."""
        got = timeline.got
        frames = min(at_once_ms * got.card.rate_hz // 1000, got.buffer_frames // 2)
        periods = frames // got.period_frames
        if periods > 1:
            self.sleep(timeline.s_until(frames_read + periods * got.period_frames))

    def _hand_over(self, periods: list[Period]) -> None:
        if periods:
            self.works()
            captured_bytes = sum(len(period.pcm) for period in periods)
            if wait_s := self._pace.wait_s(captured_bytes / (BYTES_PER_MS * 1000), time.monotonic()):
                self.sleep(wait_s)
            self._periods_read += len(periods)
            self._captured_bytes += captured_bytes
            self._last = periods[-1].pcm
            self.bridge.put(*self._process(periods))


class _Timeline:
    """Knows when what a card gave was captured, from one start of the card on."""

    def __init__(self, got: Negotiated, frames_before: int) -> None:
        self.got = got
        self.clock = CardClock(got.card.rate_hz, got.period_frames)
        self._frames_before = frames_before  # of the card
        self._frames = 0  # of the program; behind by what a resampler holds back

    def s_until(self, frames: int) -> float:
        """Return how long it is, about, until the card has given so many frames."""
        return max(0.0, self.clock.time_of(frames) - time.monotonic())

    def ms_until(self, frames: int) -> int:
        """The same in milliseconds, rounded up."""
        return math.ceil(self.s_until(frames) * 1000)

    def periods(self, pieces: list[bytes]) -> list[Period]:
        """Return the next pieces of sound, with the time at which each was captured."""
        return [Period(pcm, self._end_s(pcm)) for pcm in pieces]

    def _end_s(self, pcm: bytes) -> float:
        self._frames += len(pcm) // BYTES_PER_FRAME
        return self.clock.time_of(self._frames_before + self._frames * self.got.card.rate_hz // SAMPLE_RATE_HZ)
