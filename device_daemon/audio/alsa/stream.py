"""An open PCM, and what the card behind it agreed to."""

from __future__ import annotations

import contextlib
import errno
import os
import select
from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct

from device_daemon.audio.alsa.libasound import STATE_DISCONNECTED, STATE_SETUP, STATE_XRUN, AlsaError
from device_daemon.audio.alsa.pcm_handle import XRUN, PcmHandle
from device_daemon.audio.pcm import OWN_FORMAT, CardFormat, Samples
from device_daemon.errors import DeviceGone

__all__ = ["ROLES", "XRUN", "Direction", "Negotiated", "Stream"]

Direction = Literal["capture", "playback"]

ROLES: Final[dict[Direction, str]] = {"capture": "microphone", "playback": "speaker"}
"""What a direction is called in the config and in every message."""

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
        differences = []
        if self.card != OWN_FORMAT:
            differences.append(f"{OWN_FORMAT}, so sound is converted")
        if self._periods != f"{period_ms} ms x {periods}":
            differences.append(f"{period_ms} ms x {periods}")
        asked = f"asked for {'; '.join(differences)}" if differences else "as asked"
        return f"{self} ({asked})"

    @property
    def _periods(self) -> str:
        return f"{self.period_s * 1000:.4g} ms x {self.buffer_frames / self.period_frames:.4g}"

    def __str__(self) -> str:
        return f"{self.card}, {self._periods}"


class Stream:
    """An open, non-blocking PCM. One thread uses it; every failure of the card raises `DeviceGone`."""

    def __init__(self, pcm: PcmHandle, direction: Direction, negotiated: Negotiated) -> None:
        self._pcm = pcm
        self._direction = direction
        self.negotiated = negotiated

    def register(self, poll: select.poll) -> None:
        """Have a poll object tell of this card too; what it tells is for `ready` to say."""
        for fd, events in self._pcm.poll_descriptors():
            poll.register(fd, events)

    def ready(self, polled: list[tuple[int, int]]) -> bool:
        """Return whether what poll() found on the card means that there is something to read or to write."""
        with self._failing():
            events = self._pcm.poll_events(polled)
        # A card that ran dry, or over, reports an error too, until it is read or written; and one that was stopped, perhaps
        # since it was polled, until it is made ready.
        if events & _BROKEN and (state := self._pcm.state()) not in {STATE_XRUN, STATE_SETUP}:
            raise self.gone(_UNPLUGGED if state == STATE_DISCONNECTED else "it reports an error")
        return bool(events)

    def write(self, frames: Samples) -> int:
        """Return how many frames the card took, 0 if it is full; XRUN if it ran dry: then nothing was taken.

        The first write starts the card, after an XRUN too.
        """
        with self._failing():
            return self._pcm.write(frames)

    def read(self) -> tuple[int, bytes]:
        """Return up to one period: (frames, data), (0, b"") if there is nothing yet, (XRUN, b"") if some was lost.

        The first read starts the card, after an XRUN too.
        """
        try:  # not `_failing`, which costs as much as the rest: this is called fifty times a second
            return self._pcm.read()
        except AlsaError as error:
            raise self.gone(error.text) from error

    def avail(self) -> int:
        """Return how many frames may be written, or read, now; XRUN if the card ran dry, or over."""
        with self._failing():
            return self._pcm.avail()

    def check_present(self) -> None:
        """Raise `DeviceGone` if the card was pulled out, which a card at rest does not report by itself."""
        with self._failing():
            self._pcm.avail()
        if self._pcm.state() == STATE_DISCONNECTED:
            raise self.gone(_UNPLUGGED)

    def start(self) -> None:
        """Start the card without reading anything from it, or writing to it."""
        with self._failing():
            self._pcm.start()

    def drop(self) -> None:
        """Stop at once; what was written and not yet heard is lost. The next write starts the card anew."""
        with self._failing():
            self._pcm.drop()

    def prepare(self) -> None:
        """Make a stopped card ready now, so that the next write starts it at once."""
        with self._failing():
            self._pcm.prepare()

    def close(self) -> None:
        """Close; whatever the card says to that, it is closed."""
        self._pcm.close()

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Turn alsa-lib's errors into `DeviceGone`."""
        try:
            yield
        except AlsaError as error:
            raise self.gone(error.text) from error

    def gone(self, why: str) -> DeviceGone:
        """Return the exception that says why this card is of no more use."""
        device = self.negotiated.device
        return DeviceGone(
            f'the {ROLES[self._direction]} "{device}" failed ({why}): check that it is plugged in; '
            "it is taken again as soon as it is back",
            device,
        )
