"""Makes an answer: text and sound of a response, piece by piece, at the service's pace."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable

from msgspec import Struct, field

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.localservice.faults import Faults
from device_daemon.localservice.formats import Encoder
from device_daemon.localservice.messages import Event
from device_daemon.localservice.playback import AssumedPlayback
from device_daemon.localservice.response_events import Response
from device_daemon.localservice.scripted_replies import Reply
from device_daemon.localservice.voice import Voice

_TEXT_AHEAD_MS = 400
"""How far the words of an answer run ahead of their sound."""


class _TimedWord(Struct, frozen=True):
    text: str
    offset_ms: int
    duration_ms: int


class Answering(Struct):
    """The maker of one session's answers. It stops when the response was closed by somebody else."""

    voice: Voice
    playback: AssumedPlayback
    faults: Callable[[], Faults]
    send: Callable[[list[Event]], None]
    chance: random.Random = field(default_factory=random.Random)

    async def make(self, response: Response, reply: Reply) -> None:
        """Send all of an answer, from after `response.created` to `response.done`."""
        await asyncio.sleep(self.faults().think_ms / 1000)
        if response.closed:
            return
        if code := self.faults().fail_responses:
            details = {"type": "server_error", "code": code, "message": "The local service was told to fail."}
            self.send(response.finish("failed", {"error": details}))
            return
        if reply.say:
            self.send(response.begin_message())
            if response.options.speaks:
                await _Speech(self, response, reply).run()
            else:
                await self._write(response, reply)
            if not response.closed:
                self.send(response.end_message())
        if response.closed:
            return
        if reply.call is not None:
            self.send(response.call(reply.call.name, reply.call.arguments))
        self.send(response.finish())

    async def _write(self, response: Response, reply: Reply) -> None:
        for piece in [reply.say] if reply.given else _pieces(reply.say):
            if not response.closed:
                self.send(response.text(piece))
                await asyncio.sleep(0)


class _Speech:
    """One spoken message on its way: the words still to come, the sound still to come, and when it is due."""

    def __init__(self, answering: Answering, response: Response, reply: Reply) -> None:
        self._answering = answering
        self._response = response
        self._reply = reply
        self._encoder = Encoder(response.options.output_audio_format)
        self._words: deque[_TimedWord] = deque()
        self._made_ms = 0
        self._sent_ms = 0
        self._deltas = 0
        self._late_left = answering.faults().late_deltas
        self._begun_s = 0.0

    async def run(self) -> None:
        """Send words and sound until the message is whole, or the response closed."""
        if self._reply.given:
            self._answering.send(self._response.text(self._reply.say))
        waiting = b""
        async for sentence, pcm in self._answering.voice.sentences(self._reply.say, self._response.options.voice):
            self._plan_words(sentence, len(pcm) // BYTES_PER_MS)
            waiting += pcm
            while len(waiting) > (size := self._answering.faults().delta_ms * BYTES_PER_MS):
                if not await self._delta(waiting[:size]):
                    return
                waiting = waiting[size:]
        if waiting and not await self._delta(waiting, last=True):
            return
        self._send_words(self._made_ms)

    def _plan_words(self, sentence: str, duration_ms: int) -> None:
        """Spread the words of a sentence over its sound by their lengths: nobody tells us better."""
        pieces = _pieces(sentence if not self._made_ms else f" {sentence}")
        letters = sum(len(piece) for piece in pieces) or 1
        at = 0
        for piece in pieces:
            start_ms, at = duration_ms * at // letters, at + len(piece)
            self._words.append(_TimedWord(piece, self._made_ms + start_ms, duration_ms * at // letters - start_ms))
        self._made_ms += duration_ms

    async def _delta(self, pcm: bytes, *, last: bool = False) -> bool:
        """Send one piece of sound when it is due; return False if nobody wants the rest."""
        faults = self._answering.faults()
        duration_ms = len(pcm) // BYTES_PER_MS
        if not self._deltas:
            self._send_words(_TEXT_AHEAD_MS)
            await asyncio.sleep(faults.synthesis_ms / 1000)
            self._begun_s = time.monotonic()
        self._deltas += 1
        if self._deltas == faults.at_delta and faults.stall_ms:
            await asyncio.sleep(faults.stall_ms / 1000)
            self._begun_s = time.monotonic() - self._age_s(faults)
        due_s = self._begun_s + self._age_s(faults) + self._answering.chance.uniform(0, faults.jitter_ms) / 1000
        # Even what is due at once lets others run: a cancel may be waiting to be read.
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        if faults.silent_responses:
            self._sent_ms += duration_ms
            return not self._response.closed
        sound = self._encoder.encode(pcm, last=last)
        if self._response.closed:
            self._late_left -= 1
            if self._late_left >= 0:
                self._answering.send(self._response.late_audio(sound))
            return self._late_left > 0
        self._send_words(self._sent_ms + duration_ms + _TEXT_AHEAD_MS)
        self._sent_ms += duration_ms
        item = self._response.item
        if item is not None:
            self._answering.playback.sent(item.id, pcm, time.monotonic())
        self._answering.send(self._response.audio(sound, duration_ms))
        return True

    def _age_s(self, faults: Faults) -> float:
        """Return how long after the first delta the next one is due.

        The second comes with the first, as the real service's does: a client that plays at once has some in hand.
        """
        return max(0, self._sent_ms - faults.delta_ms) / 1000 / faults.speed if faults.speed else 0.0

    def _send_words(self, until_ms: int) -> None:
        while self._words and self._words[0].offset_ms <= until_ms and not self._response.closed:
            word = self._words.popleft()
            if not self._reply.given:
                self._answering.send(self._response.text(word.text))
            if self._response.options.timestamps:
                times = self._response.word_time(word.text.strip(), word.offset_ms, word.duration_ms)
                self._answering.send(times)


def _pieces(text: str) -> list[str]:
    """Return a text as a model's tokens come: word by word, the space before each."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])] if words[0] else [f" {word}" for word in words[1:]]
