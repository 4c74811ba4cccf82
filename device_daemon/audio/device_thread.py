"""A thread that keeps one sound card open, whatever happens to the card."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import select
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Final

from device_daemon.audio.alsa import ROLES, Direction, Negotiated, Stream, open_stream
from device_daemon.errors import DeviceBusy, DeviceGone, DeviceSlow, DeviceUnknown, SpeakerError
from device_daemon.system.loop_bridge import post_to_loop

logger = logging.getLogger(__name__)

RETRY_S: Final = 1.0
REALTIME_PRIORITY: Final = 5
"""Above everything ordinary, below the kernel's own interrupt threads (50). The threads sleep nearly always."""
OPEN_PATIENCE_S: Final = 3.0
"""A card that takes longer to be opened is reported; it is used all the same as soon as it is open."""
_JOIN_S: Final = 1.0
_JOIN_OPENING_S: Final = 0.1
"""Nothing is lost with a thread that waits for its driver, and the end of the program must not wait for it too."""


class PcmThread(ABC):
    """Opens a device, serves it until it fails, opens it again: all PCM calls are made in this one thread.

    Subclasses say what serving means. A missing or busy device is reported once and tried every second. While the card
    is being opened, which a driver may do for as long as it likes, everything else goes on.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        direction: Direction,
        device: str,
        period_ms: int,
        periods: int,
        *,
        channel: int | None = None,
    ) -> None:
        self.role: Final = ROLES[direction]
        self.stopping = False
        self.reopened = 0
        self.negotiated: Negotiated | None = None
        """What the card agreed to when it was last opened. A new thread for the same device is given the old one's."""
        self._loop = loop
        self._ended = asyncio.Event()
        self._direction = direction
        self._device = device
        self._period_ms = period_ms
        self._periods = periods
        self._channel = channel
        self._after: threading.Thread | None = None
        self._opened_before = False
        self._reported: DeviceUnknown | None = None
        self._opening = False
        self._works = False
        self._wake_fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._wake_poll = select.poll()
        self._wake_poll.register(self._wake_fd, select.POLLIN)
        self._card_poll = self._wake_poll
        """Returns for `wake` and for news of the open card."""
        # A daemon only for the case that a driver never returns: stop() joins it.
        self._thread = threading.Thread(target=self._run, name=self.role, daemon=True)

    @abstractmethod
    def serve(self, stream: Stream) -> None:
        """Use the open card until `stopping`; in the thread. `DeviceGone` ends it too."""

    @abstractmethod
    def report(self, error: SpeakerError | None) -> None:
        """Take note that the device cannot be used, or (None) that it can again; in the thread."""

    def start(self, after: PcmThread | None = None) -> None:
        """Start, and open the card when `after`, its predecessor, is done with it."""
        self._after = after._thread if after else None  # noqa: SLF001 - one of us
        self._thread.start()

    def wake(self) -> None:
        """Have `wait` return: there is something new to do. From any thread."""
        if self._wake_fd >= 0:
            os.eventfd_write(self._wake_fd, 1)

    async def stop(self) -> None:
        """End the thread and wait for it, 1 s at most; a second call does nothing."""
        if self._wake_fd < 0:
            return
        self.stopping = True
        self.wake()
        if self._thread.ident is not None:
            try:
                await asyncio.wait_for(self._ended.wait(), _JOIN_OPENING_S if self._opening else _JOIN_S)
            except TimeoutError:
                logger.error("the %s's driver does not return: its thread is left behind", self.role)  # noqa: TRY400
                return
            self._thread.join()  # it has nothing left to do
        os.close(self._wake_fd)
        self._wake_fd = -1

    def post(self, callback: Callable[[], None]) -> None:
        """Have something done in the loop's thread."""
        post_to_loop(self._loop, callback)

    def sleep(self, timeout_s: float | None) -> list[tuple[int, int]]:
        """Sleep until `wake` or the time-out (None: for ever), whatever the card does; return nothing."""
        return self._woken(self._wake_poll.poll(_whole_ms(timeout_s)))

    def poll(self, timeout_s: float | None) -> list[tuple[int, int]]:
        """Sleep until the card has news, too; return what its descriptors report, which `Stream.ready` interprets.

        That costs as much as reading: use it only where there was nothing to read, or no room.
        """
        return self._woken(self._card_poll.poll(_whole_ms(timeout_s)))

    def _woken(self, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return what poll() found, without what `wake` had to do with it."""
        if found and found[0][0] == self._wake_fd:  # poll() returns descriptors in the order of their registration
            os.eventfd_read(self._wake_fd)
            del found[0]
        return found

    def absent(self, until_s: float) -> None:
        """Pass the time until the device is tried again."""
        while not self.stopping and (left_s := until_s - time.monotonic()) > 0:
            self.sleep(left_s)

    def _run(self) -> None:
        _ask_for_realtime()
        try:
            if self._after is not None:
                self._after.join(_JOIN_S)
            self._keep_open()
        except Exception as error:
            # A bug. The thread ends, but not silently: a device that looks well and is deaf is worse than none.
            logger.exception("the %s's thread ends", self.role)
            self.report(SpeakerError(f"the {self.role} stopped by a fault of this program ({error!r}): restart it"))
        finally:
            self.post(self._ended.set)

    @property
    def failing(self) -> bool:
        """It failed, and was not reported to work since. In the thread."""
        return self._reported is not None

    def works(self) -> None:
        """Report that the open card really works, once after each start and after each failure. In the thread."""
        if self._works:
            return
        self._works = True
        if self._reported is not None:
            how = "no longer busy" if isinstance(self._reported, DeviceBusy) else "back"
            logger.info("%s %s is %s", self.role, self._device, how)
            self._reported = None
        self.report(None)

    def _keep_open(self) -> None:
        while not self.stopping:
            tried_s = time.monotonic()
            try:
                stream = self._open()
            except DeviceUnknown as error:
                self._note_failure(error)
            else:
                try:
                    if not self.stopping:  # nobody may want it any more by the time it is open
                        self._opened(stream)
                        self.serve(stream)
                except DeviceGone as error:
                    self._note_failure(error)
                finally:
                    stream.close()
            # A card that worked for a while is tried at once, one that fails again and again is not.
            self.absent(tried_s + RETRY_S)

    def _open(self) -> Stream:
        opened = threading.Event()
        self._opening = True
        self.post(partial(self._watch_opening, opened))
        try:
            return open_stream(self._direction, self._device, self._period_ms, self._periods, self._channel)
        finally:
            self._opening = False
            opened.set()

    def _watch_opening(self, opened: threading.Event) -> None:
        self._loop.call_later(OPEN_PATIENCE_S, self._check_opening, opened)

    def _check_opening(self, opened: threading.Event) -> None:
        """Report a card that takes too long to be opened; in the loop's thread, while this one waits for the driver."""
        if not opened.is_set() and not self.stopping:
            self._note_failure(
                DeviceSlow(
                    f'the {self.role} "{self._device}" does not answer: it has been opening for {OPEN_PATIENCE_S:g} s; '
                    "check its cable, or restart the machine. It is used as soon as it answers",
                    self._device,
                )
            )

    def _opened(self, stream: Stream) -> None:
        self._card_poll = select.poll()
        self._card_poll.register(self._wake_fd, select.POLLIN)
        stream.register(self._card_poll)
        if self.negotiated != stream.negotiated:
            line = stream.negotiated.compare(self._period_ms, self._periods)
            logger.info("%s %s: %s", self.role, self._device, line)
        self.negotiated = stream.negotiated
        self.reopened += self._opened_before
        self._opened_before = True

    def _note_failure(self, error: DeviceUnknown) -> None:
        """Report an error, unless it is the one that was reported already."""
        self._works = False
        if self._reported is None or isinstance(self._reported, DeviceBusy) != isinstance(error, DeviceBusy):
            self._reported = error
            logger.warning("%s", error)
            self.report(error)


def _whole_ms(seconds: float | None) -> int | None:
    return None if seconds is None else max(0, math.ceil(seconds * 1000))


def _ask_for_realtime() -> None:
    """Ask for real-time priority for this thread: where LimitRTPRIO allows it, a busy machine makes no gaps in sound."""
    with contextlib.suppress(OSError):  # not allowed: then it is an ordinary thread, as good as the machine is idle
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(REALTIME_PRIORITY))
