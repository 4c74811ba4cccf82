"""Plays a queue on an open card: writes ahead, pads against underruns, fades out on a flush, reports what was heard."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from device_daemon.audio.alsa import Mixer, Stream, find_mixer
from device_daemon.audio.card_clock import POLL_GRACE_S
from device_daemon.audio.card_writer import CardWriter
from device_daemon.audio.converters import ToCard
from device_daemon.audio.echo.reference import ReferenceTrack
from device_daemon.audio.gain import scaled
from device_daemon.audio.pcm import BYTES_PER_FRAME, OWN_FORMAT, SAMPLE_RATE_HZ, fade_out, volume_gain
from device_daemon.audio.playback_position import PlaybackPosition
from device_daemon.audio.playback_queue import Piece, PlaybackQueue
from device_daemon.audio.speaker_events import Flushed, Silent, SpeakerEvent, Started

logger = logging.getLogger(__name__)

FADE_MS: Final = 3
_SILENCE_MS: Final = 10
"""So much silence at least is written behind the last sound, up to the end of a period: sound that comes late waits for it."""
_LOW_WATER_MS: Final = (5, 15)
"""A period of sound that will be played, but not less and not more, is left in the card when silence is written behind it."""
_GAP_S: Final = 0.0002
"""About the time from asking the card where it is to having the fade in it: the fade goes on where sound would be."""
_LATEST_FADE_S: Final = 0.001
"""A fade that begins so much later than it should is left out: what is heard after a pause is another sound."""
_SHORTEST_WAIT_S: Final = 0.001
_REFILL_GRACE_S: Final = 0.0002
"""So long after the moment at which it should be low the card is written to: by then its pointer has moved."""


class NextWork(Struct, frozen=True):
    """What there is to wait for: room in the card, a time (None: for ever), or whichever comes first."""

    room: bool
    timeout_s: float | None


class Player:
    """Everything that happens between a card's opening and its closing. One thread calls `work`, again and again.

    The card runs only while there is something to hear: its first write starts it, and it is stopped when the last
    sound was heard. Shortly before the sound ends silence is written behind it, so that the card does not run dry before
    it is stopped. Sound that comes late continues behind that silence, which from then on is its reserve.
    """

    def __init__(
        self,
        stream: Stream,
        queue: PlaybackQueue,
        ledger: PlaybackPosition,
        emit: Callable[[SpeakerEvent], None],
        *,
        now: Callable[[], float] = time.monotonic,
        reference: ReferenceTrack | None = None,
    ) -> None:
        got = stream.negotiated
        self._reference = reference or ReferenceTrack()
        self._now = now
        self._got = got
        self._queue = queue
        self._ledger = ledger
        self._emit = emit
        self._card = CardWriter(stream, now)
        self._convert = ToCard(got.card)
        self._mixer: Mixer | None = find_mixer(got)
        logger.debug("volume of %s: %s", got.device, self._mixer.control if self._mixer else "made here")
        least, most = (got.card.rate_hz * ms // 1000 for ms in _LOW_WATER_MS)
        self._low_water_frames = max(least, min(got.period_frames, most))
        self._silence_frames = 0  # that were last written behind sound
        self._gain = 1.0
        self._reference_origin = 0  # the card's position at which the reference's present run begins
        self._in_hand = memoryview(b"")  # frames for the card, taken from the queue, for which it had no room yet
        self._padded = False  # whether silence follows the last sound
        self._last_piece: Piece | None = None
        self._ran_out = ""  # the source that was playing when silence had to be written
        self.flushes = 0
        self.starved = 0

    @property
    def underruns(self) -> int:
        """How often the card ran dry."""
        return self._card.underruns

    def set_volume(self, percent: int) -> None:
        """Set the volume: in the card's mixer if it has one, else by scaling samples that are written from now on."""
        left = self._mixer.set_volume(percent) if self._mixer else None
        if left is None:
            self._mixer = None
        self._gain = volume_gain(percent) if left is None else left

    def work(self) -> bool:
        """Do all that can be done now; return whether anything was written. Raise `DeviceGone` if the card fails."""
        written = self._card.written
        if self._queue.flush_pending:
            self._flush()
        position = self._hear()
        self._fill()
        if self._ending:
            self._wind_down(position)
        return self._card.written != written

    def next_work(self) -> NextWork:
        """Return what there is to wait for until there is something to do."""
        pending = bool(self._in_hand) or not self._queue.empty
        if not self._card.running:
            return NextWork(pending, None)
        now_s = self._now()
        moments = [self._card.stalled_at_s]
        anchored_s = self._card.anchored_at_s
        if pending and anchored_s is None and (due_s := self._card.low_at_s + _REFILL_GRACE_S) > now_s:
            moments.append(due_s)
            pending = False  # the card would tell of each period, and most wake-ups are for too little
        elif pending and (due_s := self._card.room_at_s + POLL_GRACE_S) > now_s:
            moments.append(due_s)
        if anchored_s is not None:
            # On a card whose pointer moves in steps of a period, whoever looks late is wrong by as much about what is heard.
            # It may take its time to start, too: the longer it does, the less often it is asked.
            due_s = anchored_s + POLL_GRACE_S
            moments.append(max(due_s, now_s + (now_s - due_s) / 8))
        if (start := self._ledger.next_start) is not None:
            moments.append(self._card.time_of(self._to_card(start)))
        if self._ending:
            if self._heard_out:
                moments.append(self._stop_at_s())
            elif self._padded:
                moments.append(self._card.time_of(self._to_card(self._ledger.sound_end)))
            else:
                moments.append(self._card.time_of(self._card.playable - self._low_water_frames))
        return NextWork(pending, max(_SHORTEST_WAIT_S, min(moments) - now_s))

    @property
    def running(self) -> bool:
        """Whether the card is being played to."""
        return self._card.running

    def lose(self) -> int:
        """Take note that the card is gone; return how many frames were written and not heard."""
        self._end_reference()
        self._in_hand = memoryview(b"")
        return self._ledger.restart()

    def _end_reference(self) -> None:
        """The echo reference ends with what was heard until now."""
        self._follow_underrun()
        self._reference.cut(self._to_own(self._card.position_at(self._now()) - self._reference_origin))
        self._reference_origin = 0

    def _follow_underrun(self) -> None:
        """After an underrun the card starts anew, at another time: so does the echo reference."""
        if (origin := self._card.origin) != self._reference_origin:
            self._reference.split(self._to_own(origin - self._reference_origin))
            self._reference_origin = origin

    @property
    def _ending(self) -> bool:
        """Whether all sound that there is has been written."""
        return self._queue.empty and (self._padded or not self._in_hand)

    @property
    def _heard_out(self) -> bool:
        """Whether all sound that was written was heard, by a card that did start."""
        return self._ledger.finished and (self._card.started or not self._card.running)

    def _hear(self) -> int:
        """Ask the card where it is, tell which sources became audible; return the position."""
        position = self._card.position(self._now())
        self._follow_underrun()
        if self._card.running:
            self._reference.anchor(self._card.time_of(self._reference_origin))
        self._hear_until(position)
        return position

    def _hear_until(self, position: int) -> None:
        for source, start in self._ledger.hear(self._to_own(position)):
            self._emit(Started(source, self._card.time_of(self._to_card(start))))

    def _fill(self) -> None:
        """Write until the card is full or nothing is left."""
        card = self._card
        if self._padded and self._heard_out and not self._queue.empty:
            self._stop()  # rather than play the rest of the silence first
        while True:
            if not self._in_hand:
                room = card.room
                piece = self._queue.take(max(1, self._to_own(room))) if room else None
                if piece is None:
                    return
                self._begin(piece)
            if self._in_hand:
                self._write()
                if self._in_hand:
                    return

    def _begin(self, piece: Piece) -> None:
        if piece.frames:
            self.starved += piece.source == self._ran_out
            self._ran_out = ""
            self._padded = False
            self._last_piece = piece
        self._ledger.write(piece.source, piece.frames, piece.ticket)
        converted = self._convert.convert(piece.pcm, piece.gain * self._gain)
        own = self._got.card == OWN_FORMAT
        self._reference.write(converted if own else scaled(piece.pcm, piece.gain * self._gain))
        self._in_hand = memoryview(converted)

    def _write(self) -> None:
        taken = self._card.write(self._in_hand)
        self._in_hand = self._in_hand[taken * self._got.card.frame_bytes :]

    def _wind_down(self, position: int) -> None:
        """There is nothing to write: see that the card does not run dry, and stop it when all was heard."""
        card = self._card
        if self._heard_out:
            end_s = card.time_of(self._to_card(self._ledger.sound_end)) if card.running else self._now()
            ticket = self._ledger.answer()
            if ticket is not None:
                self._emit(Silent(ticket, end_s))
            if card.written and (not card.running or self._now() >= self._stop_at_s()):
                self._stop()
                card.prepare()
        elif not self._padded and card.playable - position <= self._low_water_frames:
            self._pad()

    def _pad(self) -> None:
        """Write silence behind the last sound."""
        self._silence_frames = self._silence_after(self._card.written)
        frames = self._to_own(self._silence_frames)
        gain = self._last_piece.gain * self._gain if self._last_piece else 1.0
        self._ran_out = self._last_piece.source if self._last_piece else ""
        self._ledger.pad(frames)
        self._reference.write(bytes(frames * BYTES_PER_FRAME))
        self._padded = True
        self._in_hand = memoryview(self._convert.convert(bytes(frames * BYTES_PER_FRAME), gain))
        self._write()

    def _stop_at_s(self) -> float:
        """Return when to stop the card: a moment after the last sound, since some hold back a little of it."""
        end_s = self._card.time_of(self._to_card(self._ledger.sound_end))
        return end_s + (self._silence_frames / self._got.card.rate_hz / 4 if self._padded else 0.0)

    def _stop(self) -> None:
        self._end_reference()
        self._card.stop()
        self._ledger.restart()
        self._convert.reset()
        self._in_hand = memoryview(b"")
        self._padded = False

    def _flush(self) -> None:
        """Stop at once, fade out what would have come next, and answer."""
        fade = silence = b""
        stopped_s = self._now()
        if self._card.running:
            fade = self._fade(self._hear())
            # The last moment before the cut: so much was heard.
            cut_s = self._now()
            self._hear_until(self._card.position_at(cut_s))
            self._end_reference()
            self._card.stop()
            if fade:
                # Each call to the card may cost this thread 5 ms, until it has the interpreter again: from here to the fade
                # there is but one.
                self._card.prepare()
            if fade and self._now() - cut_s > _LATEST_FADE_S:
                fade = b""
            if fade:
                self._silence_frames = self._silence_after(len(fade) // self._got.card.frame_bytes)
                silence = bytes(self._silence_frames * self._got.card.frame_bytes)
                self._in_hand = memoryview(fade + silence)
                self._write()  # at once, for until here there is a gap
                stopped_s = self._card.time_of(len(fade) // self._got.card.frame_bytes)
        source, heard_frames = self._ledger.flush()
        self._ledger.pad(self._to_own(len(fade) // self._got.card.frame_bytes), sound=True)
        self._ledger.pad(self._to_own(len(silence) // self._got.card.frame_bytes))
        self._padded = bool(fade)
        if fade:
            own = self._got.card == OWN_FORMAT
            self._reference.write(fade if own else bytes(self._to_own(len(fade) // self._got.card.frame_bytes) * 2))
            self._reference.write(bytes(self._to_own(self._silence_frames) * BYTES_PER_FRAME))
        if not fade:
            self._in_hand = memoryview(b"")
        self._convert.reset()
        self._ran_out = ""
        self.flushes += 1
        for ticket in self._queue.take_flushes():
            self._emit(Flushed(ticket, source, heard_frames * 1000 // SAMPLE_RATE_HZ, stopped_s))
            source, heard_frames = "", 0

    def _fade(self, position: int) -> bytes:
        """Return what comes after a position, fading out; nothing if all was heard."""
        if self._ledger.finished:
            return b""
        card = self._got.card
        after_gap = position + int(card.rate_hz * _GAP_S)
        return fade_out(self._card.following(after_gap, card.rate_hz * FADE_MS // 1000), card)

    def _silence_after(self, written_frames: int) -> int:
        """Enough to stop in and, where it is not certain that the card has started, to see that; to the end of a period."""
        least = self._got.card.rate_hz * _SILENCE_MS // 1000
        if self._card.running and not self._card.started:
            least += self._got.period_frames
        return least + -(written_frames + least) % self._got.period_frames

    def _to_own(self, card_frames: int) -> int:
        return card_frames * SAMPLE_RATE_HZ // self._got.card.rate_hz

    def _to_card(self, own_frames: int) -> int:
        return -(-own_frames * self._got.card.rate_hz // SAMPLE_RATE_HZ)
