"""An open PCM, and what the card behind it agreed to."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import alsaaudio
from msgspec import Struct

from device_daemon.audio.pcm import OWN_FORMAT, CardFormat, Samples
from device_daemon.errors import DeviceGone

logger = logging.getLogger(__name__)

Direction = Literal["capture", "playback"]

ROLES: Final[dict[Direction, str]] = {"capture": "microphone", "playback": "speaker"}
"""What a direction is called in the config and in every message."""

XRUN: Final = -errno.EPIPE
"""What `write`, `read` and `avail` return when the card ran dry, or over, meanwhile."""

_UNPLUGGED: Final = os.strerror(errno.ENODEV)
_BROKEN: Final = select.POLLERR | select.POLLHUP | select.POLLNVAL


class Negotiated(Struct, frozen=True):
    """What a card agreed to."""

    device: str
    card: CardFormat
    period_frames: int
    buffer_frames: int
    card_number: int
    """Of the hardware behind the name, -1 if there is none (a sound server, for example)."""

    @property
    def period_s(self) -> float:
        """How long a period lasts."""
        return self.period_frames / self.card.rate_hz

    def compare(self, period_ms: int, periods: int) -> str:
        """Return one readable line: what the card does, and where that is not what was asked for."""
        wishes = []
        if self.card != OWN_FORMAT:
            wishes.append(f"{OWN_FORMAT}, so sound is converted")
        if self._periods != f"{period_ms} ms x {periods}":
            wishes.append(f"{period_ms} ms x {periods}")
        asked = f"asked for {'; '.join(wishes)}" if wishes else "as asked"
        return f"{self} ({asked})"

    @property
    def _periods(self) -> str:
        return f"{self.period_s * 1000:.4g} ms x {self.buffer_frames / self.period_frames:.4g}"

    def __str__(self) -> str:
        return f"{self.card}, {self._periods}"


class Stream:
    """An open, non-blocking PCM. One thread uses it; every failure of the card raises `DeviceGone`."""

    def __init__(self, pcm: Any, direction: Direction, negotiated: Negotiated) -> None:
        self._pcm = pcm
        self._direction = direction
        self.negotiated = negotiated

    def register(self, poll: select.poll) -> None:
        """Have a poll object tell of this card too; what it tells is for `ready` to say."""
        for fd, events in self._pcm.polldescriptors():
            poll.register(fd, events & 0xFFFF)

    def ready(self, polled: list[tuple[int, int]]) -> bool:
        """Return whether what poll() found on the card means that there is something to read or to write."""
        try:
            events = self._pcm.polldescriptors_revents(polled)
        except alsaaudio.ALSAAudioError as error:
            raise self.gone(reason(error)) from error
        # A card that ran dry, or over, reports an error too; reading and writing mend that.
        if events & _BROKEN and (state := self._pcm.state()) != alsaaudio.PCM_STATE_XRUN:
            raise self.gone(_UNPLUGGED if state == alsaaudio.PCM_STATE_DISCONNECTED else "it reports an error")
        return bool(events)

    def write(self, frames: Samples) -> int:
        """Return how many frames the card took, 0 if it is full; XRUN if it ran dry: then nothing was taken.

        The first write starts the card, after an XRUN too.
        """
        try:
            return int(self._pcm.write(frames))
        except alsaaudio.ALSAAudioError as error:
            raise self.gone(reason(error)) from error

    def read(self) -> tuple[int, bytes]:
        """Return up to one period: (frames, data), (0, b"") if there is nothing yet, (XRUN, b"") if some was lost.

        The first read starts the card, after an XRUN too.
        """
        with self.reading() as read:
            return read()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Callable[[], tuple[int, bytes]]]:
        """Within it, call what it gives as `read`: the very function of alsaaudio, for who reads fifty times a second."""
        try:
            yield self._pcm.read
        except alsaaudio.ALSAAudioError as error:
            raise self.gone(reason(error)) from error

    def avail(self) -> int:
        """Return how many frames may be written, or read, now; XRUN if the card ran dry, or over."""
        frames = int(self._pcm.avail())
        if frames < 0 and frames != XRUN:
            raise self.gone(os.strerror(-frames))
        return frames

    def drop(self) -> None:
        """Stop at once; what was written and not yet heard is lost. The next write starts the card anew."""
        try:
            self._pcm.drop()
        except alsaaudio.ALSAAudioError as error:
            raise self.gone(reason(error)) from error

    def close(self) -> None:
        """Close; whatever the card says to that, it is closed."""
        try:
            if self._direction == "playback":
                self._pcm.drop()  # or close() would first play what is left
        except alsaaudio.ALSAAudioError as error:
            logger.debug("%s %s: %s", ROLES[self._direction], self.negotiated.device, error)
        self._pcm.close()

    def gone(self, why: str) -> DeviceGone:
        """Return the exception that says why this card is of no more use."""
        device = self.negotiated.device
        return DeviceGone(
            f'the {ROLES[self._direction]} "{device}" failed ({why}): check that it is plugged in; '
            "it is taken again as soon as it is back",
            device,
        )


def reason(error: Exception) -> str:
    """Return what an error of alsaaudio says, without the device in brackets that it puts behind it."""
    return str(error).rsplit(" [", 1)[0]
