"""A playback card in virtual time, and a player on it."""

from __future__ import annotations

from array import array
from typing import TypeVar, cast

from device_daemon.audio.alsa import XRUN, Negotiated, Stream
from device_daemon.audio.echo.reference import ReferenceTrack
from device_daemon.audio.pcm import OWN_FORMAT, SAMPLE_RATE_HZ, CardFormat, Samples
from device_daemon.audio.playback_position import PlaybackPosition
from device_daemon.audio.playback_queue import PlaybackQueue
from device_daemon.audio.player import Player
from device_daemon.audio.speaker_events import Flushed, Silent, SpeakerEvent, Started
from device_daemon.errors import DeviceGone

MS = SAMPLE_RATE_HZ // 1000
Event = TypeVar("Event", Started, Silent, Flushed)


class VirtualCard:
    """A playback stream whose time is a number of frames that the test moves; it remembers what was heard and when.

    `coarse`: its pointer moves in whole periods. `whole_periods`: it plays nothing but whole ones, does not start before
    there is one, and runs dry where the next is not yet full; so it is behind alsa-lib's rate converter.
    """

    def __init__(
        self, period_frames: int = 240, periods: int = 4, *, coarse: bool = False, whole_periods: bool = False
    ) -> None:
        self.negotiated = Negotiated("virtual", OWN_FORMAT, period_frames, period_frames * periods, -1)
        self.frame = 1000
        self.coarse = coarse
        self.whole_periods = whole_periods
        self.stuck = False
        self.drop_frames = 0
        """How long `drop` keeps its caller after the card has stopped."""
        self.writes = 0
        self.heard: list[tuple[int, int]] = []  # (frame, sample), silence left out
        self._written = array("h")
        self._started = 0
        self._running = False
        self._dry = False

    def now_s(self) -> float:
        return (self.frame + 0.5) / SAMPLE_RATE_HZ

    def _position(self) -> int:
        if self.stuck:
            return 0
        position = self.frame - self._started
        return position - position % self.negotiated.period_frames if self.coarse else position

    def _playable(self) -> int:
        written = len(self._written)
        return written - written % self.negotiated.period_frames if self.whole_periods else written

    def _end_run(self, frames: int) -> None:
        heard = self._written[:frames]
        self.heard += [(self._started + i, sample) for i, sample in enumerate(heard) if sample]
        self._written = array("h")
        self._running = False

    def let_pass(self, frames: int) -> None:
        self.frame += frames
        if self._running and not self.stuck and self.frame - self._started >= self._playable():
            self._end_run(self._playable())
            self._dry = True

    def frames_to_interrupt(self) -> int | None:
        """Time until the card wakes a writer that waits for room; None: never."""
        if self.stuck:
            return None
        if not self._running:
            return 0
        period = self.negotiated.period_frames
        done = self.frame - self._started
        room_at = len(self._written) - self.negotiated.buffer_frames + period
        if done >= room_at and (not self.coarse or done - done % period >= room_at):
            return 0
        return -(-max(room_at, done + 1) // period) * period - done

    def write(self, frames: Samples) -> int:
        if self._dry:
            self._dry = False
            return XRUN
        self.writes += 1
        samples = array("h", bytes(frames))
        position = self._position() if self._running else 0
        taken = samples[: max(0, self.negotiated.buffer_frames - (len(self._written) - position))]
        self._written.extend(taken)
        if self._playable() and not self._running:
            self._running = True
            self._started = self.frame
        return len(taken)

    def avail(self) -> int:
        if self._dry:
            return XRUN
        return self.negotiated.buffer_frames - len(self._written) + (self._position() if self._running else 0)

    def drop(self) -> None:
        if self._running:
            self._end_run(min(self.frame - self._started, self._playable()))
        self._dry = False
        self.frame += self.drop_frames

    def prepare(self) -> None:
        pass

    def gone(self, why: str) -> DeviceGone:
        return DeviceGone(why, "virtual")


class Bench:
    """A player on a virtual card, woken when it asks for it, or some frames later, as threads are."""

    def __init__(self, card: VirtualCard, late_frames: int = 0) -> None:
        self.card = card
        self.late_frames = late_frames
        self.queue = PlaybackQueue()
        self.events: list[SpeakerEvent] = []
        self.reference = ReferenceTrack()
        self.player = Player(
            cast(Stream, card),
            self.queue,
            PlaybackPosition(),
            self.events.append,
            now=card.now_s,
            reference=self.reference,
        )
        self.player.work()

    def play(self, source: str, samples: array[int], ticket: int) -> None:
        self.queue.put(source, samples.tobytes(), ticket, 1.0, self.card.now_s())
        self.player.work()

    def flush(self, ticket: int) -> None:
        self.queue.flush(ticket)
        self.player.work()

    def run(self, frames: int) -> None:
        """Let time pass, with the player at work whenever it wants to be."""
        end = self.card.frame + frames
        for _ in range(100_000):
            waits_for = self.player.next_work()
            waits = [] if waits_for.timeout_s is None else [-(-int(waits_for.timeout_s * 1e6) * MS // 1000)]
            if waits_for.room and (interrupt := self.card.frames_to_interrupt()) is not None:
                waits.append(interrupt)
            if waits:
                self.card.let_pass(max(0, min(min(waits) + self.late_frames, end - self.card.frame)))
            else:
                self.card.let_pass(end - self.card.frame)
            if self.card.frame >= end:
                self.player.work()
                return
            self.player.work()
        raise AssertionError("the player never sleeps")

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def silence(frames: Samples, _card: CardFormat) -> bytes:
    return bytes(len(frames))


def ramp(frames: int, first: int = 1) -> array[int]:
    return array("h", range(first, first + frames))
