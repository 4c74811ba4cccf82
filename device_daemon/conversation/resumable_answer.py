"""The answer that is being played, kept so that it can go on after a false interruption (false barge-in). Pure.

A cough, a door, a "mhm": turn detection reports speech, and the speaker falls silent at once, but nobody said anything.
The interruption is false if turn detection heard less than `Deadlines.false_speech_s` of speech, and for
`Deadlines.false_interruption_s` afterwards there is no response, no transcript and no further speech. Then the answer
goes on where it stopped.

What the service did with the answer meanwhile:

- It had made all of it (the usual case, for it is faster than the voice): the rest is heard completely.
- It cancelled it at speech_started (`interrupt_response`): what it had sent until then is heard, and nothing more is
  asked for. A model does not go on in the middle of an answer.
- It went on making it: what comes during the interruption is kept, and what comes later is played as usual.

The truncation was sent at once all the same: a true turn of one word ("stop") is answered as soon as it ends, and the
model must know by then what was heard. A truncated item cannot be restored, so the dialogue tells the model by a system
message what was heard after all. Cached greetings and repeated answers are not continued.
"""

from __future__ import annotations

from collections import deque
from math import inf

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.conversation.events import AudioDelta, ResponseDone
from device_daemon.conversation.playback_ledger import LOCAL, Cut, Resumed
from device_daemon.conversation.policy import Deadlines

LIMIT_BYTES = 120_000 * BYTES_PER_MS
"""The most sound that is kept (6 MB); an answer of which more waits in the speaker is not continued."""


class ResumableAnswer:
    """A ring buffer of the accepted response's sound, and the interruption that may prove false."""

    def __init__(self, deadlines: Deadlines, *, enabled: bool, pause_s: float, limit_bytes: int = LIMIT_BYTES) -> None:
        """`pause_s` is the silence after which turn detection reports the end of speech."""
        self.resume_at_s = inf
        """When an interruption after which nothing came counts as false."""
        self.interrupted: str | None = None
        """The response that was interrupted, while that may prove false."""
        self.done: ResponseDone | None = None
        """How the interrupted response ended; None while it goes on."""
        self.resumed = 0
        """How often an answer went on."""
        self._deadlines = deadlines
        self._enabled = enabled
        self._pause_s = pause_s
        self._limit_bytes = limit_bytes
        self._response_id = ""
        self._pieces: deque[tuple[int, AudioDelta]] = deque()
        """Each with the position in its item where it begins, in bytes."""
        self._kept_bytes = 0
        self._received: dict[str, int] = {}
        """The bytes that came of each item."""
        self._lost: dict[str, int] = {}
        """Up to where each item is no longer kept, in bytes."""
        self._heard: dict[str, int] | None = None
        """The bytes that were heard of each item; None until the speaker has answered the flush."""
        self._received_before: dict[str, int] = {}
        """The bytes that had come of each item when it was interrupted."""

    @property
    def received_ms(self) -> int:
        """How much sound came of the response."""
        return sum(self._received.values()) // BYTES_PER_MS

    def add(self, delta: AudioDelta) -> None:
        """Keep a piece of the accepted response, or of the interrupted one."""
        if not self._enabled:
            return
        if delta.response_id != self._response_id:
            self._forget()
            self._response_id = delta.response_id
        start = self._received.get(delta.item_id, 0)
        self._received[delta.item_id] = start + len(delta.pcm)
        self._pieces.append((start, delta))
        self._kept_bytes += len(delta.pcm)
        while self._kept_bytes > self._limit_bytes:
            start, oldest = self._pieces.popleft()
            self._kept_bytes -= len(oldest.pcm)
            self._lost[oldest.item_id] = start + len(oldest.pcm)

    def heard_to_its_end(self) -> None:
        """Take in that everything that came was heard."""
        self._pieces.clear()
        self._kept_bytes = 0

    def interrupt(self, response_id: str, done: ResponseDone | None) -> None:
        """Take in that speech interrupts the accepted response, which sounds, and how that ended, if it did."""
        if not self._enabled or response_id != self._response_id:
            return
        self.interrupted, self.done = response_id, done
        self._heard, self._received_before = None, dict(self._received)

    def flushed(self, cuts: list[Cut]) -> None:
        """Take in how much was heard of what the interruption cut off."""
        if self.interrupted is None or self._heard is not None:
            return
        if any(cut.response_id == LOCAL for cut in cuts):
            self.drop()
            return
        # What was not cut off was heard to its end.
        self._heard = self._received_before | {cut.item_id: cut.heard_ms * BYTES_PER_MS for cut in cuts}

    def speech_stopped(self, lasted_s: float, now: float) -> None:
        """Take in that the speech ended; `lasted_s` includes the pause by which turn detection knows that."""
        if self.interrupted is None:
            return
        if lasted_s < self._deadlines.false_speech_s + self._pause_s:
            self.resume_at_s = now + self._deadlines.false_interruption_s
        else:
            self.drop()

    def drop(self) -> None:
        """The interruption was true, or something else came: the answer does not go on."""
        if self.interrupted is not None:
            self._forget()

    def resume(self) -> list[Resumed]:
        """End the interruption; return what was not heard yet, in order. Nothing if that is not known, or not kept."""
        heard = self._heard
        self.interrupted, self.resume_at_s, self._heard = None, inf, None
        if heard is None or any(heard.get(item_id, 0) < end for item_id, end in self._lost.items()):
            self._forget()
            return []
        rest = []
        for start, delta in self._pieces:
            skip = max(0, heard.get(delta.item_id, 0) - start)
            if skip < len(delta.pcm):
                rest.append(Resumed(delta.item_id, delta.content_index, delta.pcm[skip:], start + skip))
        return rest

    def _forget(self) -> None:
        self.heard_to_its_end()
        self._received, self._lost, self._received_before = {}, {}, {}
        self._response_id = ""
        self.interrupted, self.done, self.resume_at_s, self._heard = None, None, inf, None
