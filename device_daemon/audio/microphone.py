"""The microphone: open or closed, working or failed; the sound comes from the capture thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from device_daemon.audio.alsa import Negotiated
from device_daemon.audio.capture_thread import CaptureThread, MicrophoneCounters
from device_daemon.audio.device_search import DeviceSearch
from device_daemon.audio.pcm import SILENCE_DBFS
from device_daemon.audio.period import Period
from device_daemon.config.settings import MicrophoneSettings
from device_daemon.errors import SpeakerError
from device_daemon.health import Health, Part


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
        self._thread: CaptureThread | None = None
        self._closing: CaptureThread | None = None
        self._before = MicrophoneCounters()
        self._negotiated: Negotiated | None = None
        self._looking: DeviceSearch | None = None
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
            self._thread = CaptureThread(self._settings, self._loop, self._on_periods, self._status, self._process)
            self._thread.negotiated = self._negotiated
            self._thread.start(after=looking or self._closing)

    def look_for(self) -> None:
        """Try the failed device every second until it works, and close it again; no sound is read.

        Then `on_recovery` is called. Does nothing while the microphone is open; `open` and `close` end it.
        """
        if self._thread is None and self._looking is None:
            self._looking = DeviceSearch(self._settings, self._loop, self._looked, self.health.failure)
            self._looking.start(after=self._closing)

    def _looked(self, thread: DeviceSearch, error: SpeakerError | None) -> None:
        if thread is self._looking:
            self._note(error)
            if error is None:
                self._stop_looking()

    def _stop_looking(self) -> DeviceSearch | None:
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

    async def _closed(self, thread: CaptureThread | None) -> None:
        if self._stopping:
            await asyncio.wait(self._stopping)
        if thread is None:
            return
        await thread.stop()
        self._before += thread.counters
        if self._closing is thread:
            self._closing = None

    def _status(self, thread: CaptureThread, error: SpeakerError | None) -> None:
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
