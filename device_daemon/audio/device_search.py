"""The search for a microphone that failed while nobody listens: opens the device until that works once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

from device_daemon.audio.alsa import Stream
from device_daemon.audio.capture_thread import FIRST_SOUND_S
from device_daemon.audio.device_thread import PcmThread
from device_daemon.config.settings import MicrophoneSettings
from device_daemon.errors import DeviceGone, DeviceUnknown, SpeakerError


class DeviceSearch(PcmThread):
    """Opens the device until that works once; nothing is read from it.

    Of a device that failed while it was open that proves nothing: one that is stuck can be opened. So it is started too,
    and stopped as soon as its pointer moves. No light says that the microphone is open: what it captured in that moment,
    at most a period, is dropped in the card's buffer.
    """

    def __init__(
        self,
        settings: MicrophoneSettings,
        loop: asyncio.AbstractEventLoop,
        on_status: Callable[[DeviceSearch, SpeakerError | None], None],
        reported: SpeakerError | None,
    ) -> None:
        super().__init__(loop, "capture", settings.device, settings.period_ms, settings.periods)
        self._on_status = on_status
        self._reported = reported if isinstance(reported, DeviceUnknown) else None
        self._failed_in_use = isinstance(reported, DeviceGone)

    def report(self, error: SpeakerError | None) -> None:
        """Report to the event loop that the device failed, or works."""
        self.post(partial(self._on_status, self, error))

    def serve(self, stream: Stream) -> None:
        """See that the open device works, and end."""
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
