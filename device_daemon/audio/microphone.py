"""The microphone: captures in a thread of its own, and hands chunks of periods over to the event loop."""

from __future__ import annotations

import asyncio
import math
import select
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final

from msgspec import Struct

from device_daemon.audio.alsa import XRUN, Negotiated, Stream
from device_daemon.audio.capture_pace import CapturePace
from device_daemon.audio.card_clock import POLL_GRACE_S, CardClock
from device_daemon.audio.converters import from_card
from device_daemon.audio.device_thread import PcmThread
from device_daemon.audio.pcm import BYTES_PER_FRAME, BYTES_PER_MS, SAMPLE_RATE_HZ, SILENCE_DBFS, level_dbfs
from device_daemon.audio.period import Period
from device_daemon.audio.uplink_chunker import UplinkChunker
from device_daemon.config.settings import MicrophoneSettings
from device_daemon.errors import DeviceGone, DeviceUnknown, SpeakerError
from device_daemon.health import Health, Part
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


def as_they_are(periods: list[Period]) -> list[Period]:
    """No processing."""
    return periods


class Microphone:
    """A capture device that is open between `open` and `close` and at no other time.

    The callbacks run in the loop's thread. A device that is missing, busy or unplugged is a call of `on_failure` with
    the exception, then it is tried every second, and `on_recovery` says that it works (again).
    """

    def __init__(
        self,
        settings: MicrophoneSettings,
        *,
        loop: asyncio.AbstractEventLoop,
        on_periods: Callable[[list[Period]], None],
        on_failure: Callable[[SpeakerError], None],
        on_recovery: Callable[[], None],
        process: Callable[[list[Period]], list[Period]] = as_they_are,
    ) -> None:
        """`process` is called in the capture thread with what was captured; what it returns is handed over."""
        self._settings = settings
        self._process = process
        self._loop = loop
        self._on_periods = on_periods
        self._on_failure = on_failure
        self._on_recovery = on_recovery
        self._thread: _CaptureThread | None = None
        self._closing: _CaptureThread | None = None
        self._before = MicrophoneCounters()
        self._negotiated: Negotiated | None = None
        self._looking: _LookingThread | None = None
        self._stopping: set[asyncio.Task[None]] = set()
        self.health = Health(Part.MICROPHONE)
        """Whether the device works; while it is closed, whether it did when it was last open, or looked for."""

    @property
    def counters(self) -> MicrophoneCounters:
        """What happened since the program started."""
        return self._before + self._thread.counters if self._thread else self._before

    @property
    def negotiated(self) -> Negotiated | None:
        """What the card agreed to when it was last opened."""
        return self._thread.negotiated if self._thread else self._negotiated

    def level_dbfs(self) -> float:
        """Return the level of the last 10 ms that were handed over; -96 while the microphone is closed."""
        return self._thread.level_dbfs() if self._thread else SILENCE_DBFS

    def open(self) -> None:
        """Begin to capture; returns at once. Does nothing if the microphone is open."""
        if self._thread is None:
            looking = self._stop_looking()
            self._thread = _CaptureThread(self._settings, self._loop, self._on_periods, self._status, self._process)
            self._thread.negotiated = self._negotiated
            self._thread.start(after=looking or self._closing)

    def look_for(self) -> None:
        """Try the failed device every second until it works, and close it again; no sound is read.

        Then `on_recovery` is called. Does nothing while the microphone is open; `open` and `close` end it.
        """
        if self._thread is None and self._looking is None:
            self._looking = _LookingThread(self._settings, self._loop, self._looked, self.health.failure)
            self._looking.start(after=self._closing)

    def _looked(self, thread: _LookingThread, error: SpeakerError | None) -> None:
        if thread is self._looking:
            self._note(error)
            if error is None:
                self._stop_looking()

    def _stop_looking(self) -> _LookingThread | None:
        looking, self._looking = self._looking, None
        if looking is not None:
            task = self._loop.create_task(looking.stop(), name="microphone is no longer looked for")
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)
        return looking

    def close(self) -> Coroutine[Any, Any, None]:
        """Stop capturing and close the device; no callback comes after the call. Does nothing if it is closed.

        Await what it returns: then the device is closed. `open` may be called before that.
        """
        self._stop_looking()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.bridge.close()
            self._negotiated = thread.negotiated
            self._closing = thread
        return self._closed(thread)

    async def _closed(self, thread: _CaptureThread | None) -> None:
        if self._stopping:
            await asyncio.wait(self._stopping)
        if thread is None:
            return
        await thread.stop()
        self._before += thread.counters
        if self._closing is thread:
            self._closing = None

    def _status(self, thread: _CaptureThread, error: SpeakerError | None) -> None:
        if thread is not self._thread:
            return  # closed meanwhile
        self._note(error)

    def _note(self, error: SpeakerError | None) -> None:
        now_s = self._loop.time()
        if error is not None:
            self.health.failed(error, now_s)
            self._on_failure(error)
        elif self.health.recovered(now_s):
            self._on_recovery()


class _CaptureThread(PcmThread):
    def __init__(
        self,
        settings: MicrophoneSettings,
        loop: asyncio.AbstractEventLoop,
        on_periods: Callable[[list[Period]], None],
        on_status: Callable[[_CaptureThread, SpeakerError | None], None],
        process: Callable[[list[Period]], list[Period]],
    ) -> None:
        super().__init__(
            loop, "capture", settings.device, settings.period_ms, settings.periods, channel=settings.channel
        )
        self.bridge: LoopBridge[Period] = LoopBridge(loop, on_periods)
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
        return MicrophoneCounters(
            self._periods_read, self._overruns, self.bridge.dropped, self.reopened, self._captured_bytes // BYTES_PER_MS
        )

    def level_dbfs(self) -> float:
        return level_dbfs(self._last)

    def report(self, error: SpeakerError | None) -> None:
        self.post(partial(self._on_status, self, error))

    def serve(self, stream: Stream) -> None:
        self.bridge.limit = math.ceil(BUFFER_S / stream.negotiated.period_s)
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


class _LookingThread(PcmThread):
    """Opens the device until that works once; nothing is read from it.

    Of a device that failed while it was open that proves nothing: one that is stuck can be opened. So it is started too,
    and stopped as soon as its pointer moves. No light says that the microphone is open: what it captured in that moment,
    at most a period, is dropped in the card's buffer.
    """

    def __init__(
        self,
        settings: MicrophoneSettings,
        loop: asyncio.AbstractEventLoop,
        on_status: Callable[[_LookingThread, SpeakerError | None], None],
        reported: SpeakerError | None,
    ) -> None:
        super().__init__(loop, "capture", settings.device, settings.period_ms, settings.periods)
        self._on_status = on_status
        self._reported = reported if isinstance(reported, DeviceUnknown) else None
        self._failed_in_use = isinstance(reported, DeviceGone)

    def report(self, error: SpeakerError | None) -> None:
        self.post(partial(self._on_status, self, error))

    def serve(self, stream: Stream) -> None:
        if self._failed_in_use:
            self._see_it_move(stream)
        if not self.stopping:
            self.works()
            self.stopping = True

    def _see_it_move(self, stream: Stream) -> None:
        stream.start()
        give_up_s = time.monotonic() + FIRST_SOUND_S
        while not self.stopping and stream.avail() == 0:
            if time.monotonic() >= give_up_s:
                raise stream.gone(f"it can be opened and gives no sound for {FIRST_SOUND_S:g} s")
            self.sleep(stream.negotiated.period_s)
        stream.drop()


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
