"""The speaker: plays sound in order, stops within milliseconds (flush, for barge-in), and reports what was heard."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from device_daemon.audio.alsa import Negotiated, Stream
from device_daemon.audio.device_thread import PcmThread
from device_daemon.audio.echo.reference import ReferenceTrack
from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ, level_dbfs
from device_daemon.audio.playback_position import PlaybackPosition
from device_daemon.audio.playback_queue import PlaybackQueue
from device_daemon.audio.player import Player
from device_daemon.audio.speaker_events import Failed, Flushed, Recovered, Silent, SpeakerEvent, Started
from device_daemon.config.settings import SpeakerSettings
from device_daemon.errors import SpeakerError
from device_daemon.health import Health, Part
from device_daemon.system.loop_bridge import LoopBridge

__all__ = ["Failed", "Flushed", "Recovered", "Silent", "Speaker", "SpeakerCounters", "SpeakerEvent", "Started"]

KEEP_S: Final = 2.0
"""How long sound waits for a device that is missing: later it would come as a surprise."""
_AT_REST_S: Final = 2.0
"""How often a card at rest is asked whether it is still there."""
_CUT_S: Final = 0.002
_PROOF_S: Final = 0.3
"""A card that failed and was opened again must play within so long to count as working."""
_MOST_EVENTS: Final = 1000


class SpeakerCounters(Struct, frozen=True):
    """What happened since the program started."""

    underruns: int
    """How often the card ran dry because it was written to too late."""
    starved: int
    """How often a source had a gap because its next piece came too late."""
    dropped_ms: int
    """Sound that was discarded: too much at once, or no device to play it."""
    flushes: int
    reopened: int
    """How often the device was opened again after it had failed."""


class Speaker:
    """A playback device that is open from `start` to `close`, and reopened if it fails.

    Events come through `on_event`, in the loop's thread, in order. While nothing is to be heard nothing runs.
    """

    def __init__(
        self,
        settings: SpeakerSettings,
        *,
        loop: asyncio.AbstractEventLoop,
        on_event: Callable[[SpeakerEvent], None],
        reference: ReferenceTrack | None = None,
    ) -> None:
        """`reference` is given what is played, for an echo canceller."""
        self._on_event = on_event
        self._loop = loop
        self.health = Health(Part.SPEAKER)
        """Whether the device works. It is open at all times, so it is always true."""
        self._queue = PlaybackQueue()
        self._events: LoopBridge[SpeakerEvent] = LoopBridge(loop, self._deliver, _MOST_EVENTS)
        self._thread = _PlaybackThread(settings, loop, self._queue, self._events.put, reference)

    def start(self) -> None:
        """Open the device; returns at once. What is played meanwhile waits for it."""
        self._thread.start()

    async def close(self) -> None:
        """Fall silent and close the device; no event comes after the call. A second call does nothing."""
        self._events.close()
        await self._thread.stop()

    def play(self, source: str, pcm: bytes, ticket: int, *, gain: float = 1.0) -> None:
        """Add sound to what is to be played, in the program's format, as loud as `gain` (0..1) times the volume.

        `source` says whose it is: an item's id, or "sound:ready", or "notice:offline". The last ticket is
        answered with `Silent` when everything was heard. More than 300 s in all is cut off and counted.
        """
        if len(pcm) % BYTES_PER_FRAME:
            raise ValueError("half a sample at the end")
        if not 0.0 <= gain <= 1.0:
            raise ValueError(f"a gain of {gain:g}: sound can only be made quieter")
        if self._queue.put(source, pcm, ticket, gain, time.monotonic()):
            self._thread.wake()

    def flush(self, ticket: int) -> None:
        """Stop what is heard and forget what is queued; answered with `Flushed`, always.

        What is played after this call is heard, what was played before is not. Returns when the sound is cut off: well
        under a millisecond, 2 ms at most.
        """
        self._thread.flush(ticket)

    @property
    def volume(self) -> int:
        """0..100. It is the card's mixer if there is one; else the samples are scaled, all that is not in the card yet."""
        return self._thread.volume

    @volume.setter
    def volume(self, percent: int) -> None:
        self._thread.volume = min(100, max(0, percent))
        self._thread.wake()

    def play_at_least_at(self, percent: int) -> None:
        """Play no less loud than that, whatever the volume is, until this is called with 0: an alarm is to be heard."""
        self._thread.least_volume = percent
        self._thread.wake()

    @property
    def queued_ms(self) -> int:
        """How much sound is still to be played, without what the card has already."""
        return self._thread.queued_ms

    def level_dbfs(self) -> float:
        """Return the level of the 10 ms that were heard last, without a card's own mixer; -96 while nothing is heard."""
        return self._thread.level_dbfs()

    @property
    def counters(self) -> SpeakerCounters:
        """What happened since the program started."""
        return self._thread.counters

    @property
    def negotiated(self) -> Negotiated | None:
        """What the card agreed to when it was last opened."""
        return self._thread.negotiated

    def _deliver(self, events: list[SpeakerEvent]) -> None:
        now_s = self._loop.time()
        for event in events:
            match event:
                case Failed(error):
                    self.health.failed(error, now_s)
                case Recovered() if not self.health.recovered(now_s):
                    continue  # opened for the first time
            self._on_event(event)


class _PlaybackThread(PcmThread):
    def __init__(
        self,
        settings: SpeakerSettings,
        loop: asyncio.AbstractEventLoop,
        queue: PlaybackQueue,
        emit: Callable[[SpeakerEvent], None],
        reference: ReferenceTrack | None,
    ) -> None:
        super().__init__(loop, "playback", settings.device, settings.period_ms, settings.periods)
        self.volume = settings.volume
        self.least_volume = 0
        self._queue = queue
        self._emit = emit
        self._reference = reference or ReferenceTrack()
        self._lock = threading.Lock()  # the ledger and the player are asked from the loop's thread
        self._ledger = PlaybackPosition()
        self._player: Player | None = None
        self._cut = threading.Event()
        self._missing_since_s = 0.0
        self._underruns = self._starved = self._flushes = 0  # of players that are no more
        self._lost_frames = 0

    @property
    def counters(self) -> SpeakerCounters:
        with self._lock:
            player = self._player
            return SpeakerCounters(
                self._underruns + (player.underruns if player else 0),
                self._starved + (player.starved if player else 0),
                self._queue.dropped_ms + self._lost_frames * 1000 // SAMPLE_RATE_HZ,
                self._flushes + (player.flushes if player else 0),
                self.reopened,
            )

    @property
    def queued_ms(self) -> int:
        return self._queue.queued_ms

    def flush(self, ticket: int) -> None:
        player = self._player
        self._cut.clear()
        self._queue.flush(ticket)
        self.wake()
        if player is not None and player.running:
            # Wait for it. Otherwise the loop would go on with its work and keep the interpreter from this object's
            # thread for 5 ms and more, while the person who interrupts is being talked over.
            self._cut.wait(_CUT_S)

    def level_dbfs(self) -> float:
        return level_dbfs(self._reference.last(time.monotonic(), SAMPLE_RATE_HZ // 100))

    def report(self, error: SpeakerError | None) -> None:
        self._missing_since_s = time.monotonic()
        self._emit(Recovered() if error is None else Failed(error))

    def serve(self, stream: Stream) -> None:
        if self.failing and not self._moves(stream):
            raise stream.gone("it can be opened and stands still")
        self.works()
        volume = -1
        polled: list[tuple[int, int]] = []
        with self._lock:
            player = self._player = Player(stream, self._queue, self._ledger, self._emit, reference=self._reference)
        try:
            while not self.stopping:
                if volume != (wanted := max(self.volume, self.least_volume)):
                    volume = wanted
                    player.set_volume(volume)
                with self._lock:
                    wrote = player.work()
                if polled and not wrote:
                    stream.ready(polled)  # woken for nothing: a sound server's plug-in needs to know
                if not self._cut.is_set() and not self._queue.flush_pending:
                    self._cut.set()
                waits_for = player.next_work()
                if waits_for.room:
                    polled = self.poll(waits_for.timeout_s)
                elif waits_for.timeout_s is not None:
                    polled = self.sleep(waits_for.timeout_s)
                else:
                    polled = self.sleep(_AT_REST_S)
                    stream.check_present()
        finally:
            with self._lock:
                self._player = None
                self._lost_frames += player.lose()
                self._underruns += player.underruns
                self._starved += player.starved
                self._flushes += player.flushes

    def _moves(self, stream: Stream) -> bool:
        """Return whether a card that failed before plays again: it gets silence, and must make room for more.

        Opening proves nothing: a sound server that hangs can be opened, and takes sound for as long as its buffer has room.
        """
        card = stream.negotiated.card
        silence = bytes(2 * card.channels * stream.negotiated.period_frames)
        while (room := stream.avail()) >= stream.negotiated.period_frames and stream.write(silence) > 0:
            pass
        give_up_s = time.monotonic() + _PROOF_S
        moved = False
        while not moved and not self.stopping and time.monotonic() < give_up_s:
            self.sleep(stream.negotiated.period_s)
            moved = stream.avail() != room
        stream.drop()
        return moved

    def absent(self, until_s: float) -> None:
        """While the device is missing: answer flushes, and discard what waited for too long."""
        while not self.stopping and (now_s := time.monotonic()) < until_s:
            with self._lock:
                self._give_up(now_s)
            oldest_s = self._queue.oldest_s
            due_s = math.inf if oldest_s is None else max(oldest_s, self._missing_since_s) + KEEP_S
            self.sleep(min(until_s, due_s) - now_s)

    def _give_up(self, now_s: float) -> None:
        for flush in self._queue.take_flushes():
            self._flushes += 1
            self._ledger.flush()
            self._emit(Flushed(flush, "", 0, now_s))
        if now_s - self._missing_since_s >= KEEP_S and (expired := self._queue.expire(now_s - KEEP_S)) is not None:
            self._ledger.note(expired)
        if self._queue.empty and (ticket := self._ledger.answer()) is not None:
            self._emit(Silent(ticket, now_s))
