"""Makes the output of a response: text and audio in deltas, at the service's pace, with the faults of responses."""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec import Struct, field

from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.localservice.audio_formats import Encoder
from device_daemon.localservice.faults import Faults
from device_daemon.localservice.messages import Event
from device_daemon.localservice.response_events import Response
from device_daemon.localservice.response_policy import PlannedResponse, ResponsePolicy
from device_daemon.localservice.scripted_replies import Reply
from device_daemon.localservice.visemes import visemes
from device_daemon.localservice.voice import Voice

_TEXT_AHEAD_MS = 400
"""How far the transcript of a response runs ahead of its audio."""


class _TimedWord(Struct, frozen=True):
    text: str
    offset_ms: int
    duration_ms: int


class ResponseSynthesizer(Struct):
    """Makes the output of one session's responses. It stops when a response is closed by something else."""

    voice: Voice
    policy: ResponsePolicy
    faults: Callable[[], Faults]
    send: Callable[[list[Event]], None]
    room: Callable[[], Awaitable[None]]
    """Back-pressure: returns when the client has taken enough of what was sent."""
    chance: random.Random = field(default_factory=random.Random)

    async def make(self, planned: PlannedResponse) -> None:
        """Send everything of a response from after `response.created` to `response.done`."""
        response, reply = planned.response, planned.reply
        faults = self.faults().of_response(response.number)
        await asyncio.sleep((faults.think_ms + faults.response_created_delay_ms) / 1000)
        if response.closed or faults.unanswered_responses:
            return
        if faults.fail_responses:
            details = {"type": "server_error", "code": faults.fail_responses, "message": "An injected failure."}
            self.send(response.finish("failed", {"error": details}))
            return
        if reply.say:
            await self._message(response, reply, faults)
        if response.closed:
            return
        for call in reply.calls:
            self.send(response.call(call))
        if reply.mcp is None:
            self.send(response.finish())
        else:
            await self._mcp_call(planned)

    async def _message(self, response: Response, reply: Reply, faults: Faults) -> None:
        spoken = response.options.speaks and not faults.text_responses
        self.send(response.begin_message(spoken=spoken))
        if spoken:
            await _SpokenMessage(self, response, reply).run()
        else:
            await self._write(response, reply)
        if not response.closed:
            self.send(response.end_message())
            if faults.incomplete_responses and not spoken:
                self.send(response.finish("incomplete", {"reason": faults.incomplete_responses}))

    async def _write(self, response: Response, reply: Reply) -> None:
        for piece in [reply.say] if reply.pre_generated else _pieces(reply.say):
            if not response.closed:
                self.send(response.text(piece))
                await asyncio.sleep(0)

    async def _mcp_call(self, planned: PlannedResponse) -> None:
        response, call = planned.response, planned.reply.mcp
        if call is None:
            return
        if planned.needs_approval:
            events = response.approval_request(call)
            self.policy.awaits_approval(events[0]["item"]["id"], call)
            self.send(events + response.finish())
            return
        self.send(response.mcp_call(call, planned.approval_request_id) + response.finish())
        self.send(response.mcp_in_progress())
        await asyncio.sleep(self.faults().mcp_call_ms / 1000)
        self.send(response.mcp_result(call))


class _SpokenMessage:
    """One spoken message being sent: the words and the audio still to come, and when the next piece is due."""

    def __init__(self, synthesizer: ResponseSynthesizer, response: Response, reply: Reply) -> None:
        self._synthesizer = synthesizer
        self._response = response
        self._reply = reply
        self._encoder = Encoder(response.options.output_audio_format)
        self._words: deque[_TimedWord] = deque()
        self._made_ms = 0
        self._sent_ms = 0
        self._deltas = 0
        self._late_left = self._faults().late_deltas
        self._begun_s = 0.0

    async def run(self) -> None:
        """Send words and audio until the message is complete or the response closed."""
        if self._reply.pre_generated:
            self._synthesizer.send(self._response.text(self._reply.say))
        waiting = b""
        async for pcm in self._audio():
            waiting += pcm
            while len(waiting) > (size := self._faults().delta_ms * BYTES_PER_MS):
                if not await self._delta(waiting[:size]):
                    return
                waiting = waiting[size:]
        if waiting and not await self._delta(waiting, last=True):
            return
        self._send_words(self._made_ms)

    def _faults(self) -> Faults:
        return self._synthesizer.faults().of_response(self._response.number)

    async def _audio(self) -> AsyncIterator[bytes]:
        """Yield the audio of the message, repeated for as long as the fault `audio_s` wants."""
        made = b""
        async for sentence, pcm in self._synthesizer.voice.sentences(self._reply.say, self._response.options.voice):
            self._plan_words(sentence, len(pcm) // BYTES_PER_MS)
            made += pcm
            yield pcm
        while made and self._made_ms < self._faults().audio_s * 1000:
            self._made_ms += len(made) // BYTES_PER_MS
            yield made

    def _plan_words(self, sentence: str, duration_ms: int) -> None:
        """Spread the words of a sentence over its audio by their lengths: espeak-ng gives no times."""
        pieces = _pieces(sentence if not self._made_ms else f" {sentence}")
        letters = sum(len(piece) for piece in pieces) or 1
        at = 0
        for piece in pieces:
            start_ms, at = duration_ms * at // letters, at + len(piece)
            self._words.append(_TimedWord(piece, self._made_ms + start_ms, duration_ms * at // letters - start_ms))
        self._made_ms += duration_ms

    async def _delta(self, pcm: bytes, *, last: bool = False) -> bool:
        """Send one piece of audio when it is due; return False if the rest is not wanted."""
        faults = self._faults()
        await self._wait_until_due(faults)
        if faults.incomplete_responses and self._deltas == faults.at_delta and not self._response.closed:
            self._synthesizer.send(self._response.finish("incomplete", {"reason": faults.incomplete_responses}))
            return False
        duration_ms = len(pcm) // BYTES_PER_MS
        if faults.silent_responses:
            self._sent_ms += duration_ms
            return not self._response.closed
        sound = self._encoder.encode(pcm, last=last)
        if self._response.closed:
            self._late_left -= 1
            if self._late_left >= 0:
                self._synthesizer.send(self._response.late_audio(sound))
            return self._late_left > 0
        self._send_words(self._sent_ms + duration_ms + _TEXT_AHEAD_MS)
        self._sent_ms += duration_ms
        item = self._response.item
        if item is not None:
            self._synthesizer.policy.playback.sent(item.id, pcm, time.monotonic())
        self._synthesizer.send(self._response.audio(sound, duration_ms))
        return True

    async def _wait_until_due(self, faults: Faults) -> None:
        if not self._deltas:
            self._send_words(_TEXT_AHEAD_MS)
            await asyncio.sleep(faults.synthesis_ms / 1000)
            self._begun_s = time.monotonic()
        self._deltas += 1
        if self._deltas == faults.at_delta and faults.stall_ms:
            await asyncio.sleep(faults.stall_ms / 1000)
            self._begun_s = time.monotonic() - self._age_s(faults)
        due_s = self._begun_s + self._age_s(faults)
        if faults.jitter_ms:
            due_s += self._synthesizer.chance.uniform(0, faults.jitter_ms) / 1000
        # Even without a wait the loop gets its turn: a cancel may be waiting to be read.
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        await self._synthesizer.room()

    def _age_s(self, faults: Faults) -> float:
        """Return how long after the first delta the next one is due.

        The second comes with the first, as in recorded traffic: a client that plays at once has some in hand.
        """
        return max(0, self._sent_ms - faults.delta_ms) / 1000 / faults.speed if faults.speed else 0.0

    def _send_words(self, until_ms: int) -> None:
        while self._words and self._words[0].offset_ms <= until_ms and not self._response.closed:
            word = self._words.popleft()
            if not self._reply.pre_generated:
                self._synthesizer.send(self._response.text(word.text))
            if self._response.options.timestamps:
                times = self._response.word_time(word.text.strip(), word.offset_ms, word.duration_ms)
                self._synthesizer.send(times)
            if self._response.options.visemes:
                for offset_ms, viseme_id in visemes(word.text.strip(), word.offset_ms, word.duration_ms):
                    self._synthesizer.send(self._response.viseme(offset_ms, viseme_id))


def _pieces(text: str) -> list[str]:
    """Return a text as a model's tokens come: word by word, the space before each."""
    words = text.split(" ")
    return [words[0], *(f" {word}" for word in words[1:])] if words[0] else [f" {word}" for word in words[1:]]
