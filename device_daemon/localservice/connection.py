"""One WebSocket: carries messages between a client and its session, and does to them what the faults say."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from device_daemon.localservice import extras
from device_daemon.localservice.faults import Faults, Moment
from device_daemon.localservice.formats import InputFormat
from device_daemon.localservice.messages import Close, Emit, Event, Refusal, error, new_id
from device_daemon.localservice.models import Model
from device_daemon.localservice.record import Record, SessionRecord
from device_daemon.localservice.scripted_replies import Replies
from device_daemon.localservice.session import Action, Session
from device_daemon.localservice.synthesis import Answering
from device_daemon.localservice.turns import TurnStarted, TurnStopped
from device_daemon.localservice.voice import Voice
from device_daemon.localservice.wire import Abort, DelayLine, Writer

logger = logging.getLogger(__name__)

_WATCH_S = 0.25
_CLOSING_S = 1.0
_MOMENTS = {
    "session.created": Moment.CREATED,
    "session.updated": Moment.UPDATED,
    "response.created": Moment.RESPONSE_CREATED,
    "response.done": Moment.RESPONSE_DONE,
    "input_audio_buffer.speech_started": Moment.SPEECH_STARTED,
    "input_audio_buffer.speech_stopped": Moment.SPEECH_STOPPED,
}


class ClientConnection:
    """One client's connection, from the handshake to its end."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        abort: Callable[[], None],
        model: Model,
        *,
        faults: Callable[[], Faults],
        replies: Replies,
        voice: Voice,
        record: Record,
        session_record: SessionRecord,
    ) -> None:
        self._socket = socket
        self._faults = faults
        self._record = record
        self._session_record = session_record
        at_first = faults()
        self._session = Session(
            model,
            replies,
            expires_at=int(time.time() + at_first.session_lifetime_s),
            greeting=at_first.greeting,
            first_message_rule=at_first.first_message_rule,
            on_audio=self._heard,
        )
        self._expires_s = time.monotonic() + at_first.session_lifetime_s
        self._inbound: DelayLine[str] = DelayLine(self._take)
        self._writer = Writer(socket, abort, self._sent)
        self._answering = Answering(voice, self._session.answers.playback, faults, self._emit_all)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ignored = 0
        self._deltas: dict[str, int] = {}
        self._last_event_s = time.monotonic()
        self._phantom = False
        self._ending = False

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        writing = self._start(self._writer.run())
        self._start(self._watch())
        self._moment(Moment.CONNECTED)
        self._do(self._session.open())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    self._inbound.put(message.data, self._faults().network_delay_ms / 1000)
                else:
                    self._emit(error("invalid_request_error", "Messages are JSON objects in text frames."))
        finally:
            self._inbound.close()
            if self._ending:
                # The reading ends when the closing begins: let it be finished.
                await asyncio.wait({writing}, timeout=_CLOSING_S)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self, code: int, reason: str) -> None:
        """End the connection in good order."""
        await self._socket.close(code=code, message=reason.encode())

    def _take(self, data: str) -> None:
        """Take one message that has arrived."""
        now_s = time.monotonic()
        try:
            message = msgspec.json.decode(data)
        except msgspec.DecodeError as wrong:
            self._emit(error("invalid_request_error", f"The message is not JSON: {wrong}."))
            return
        kind = message.get("type") if isinstance(message, dict) else None
        if isinstance(message, dict):
            self._record.message(self._session_record, "in", message, now_s)
        if kind != "input_audio_buffer.append":
            self._last_event_s = now_s
        faults = self._faults()
        if kind == "session.update" and faults.reject_session_update:
            refusal = Refusal(
                faults.reject_session_update, "The local service was told to refuse this.", faults.reject_param
            )
            self._do(self._session.refuse(refusal, message))
        elif kind == "response.create" and self._ignored < faults.ignore_responses:
            self._ignored += 1
        else:
            self._do(self._session.receive(message, now_s))

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Emit):
                self._emit(action.event)
            elif isinstance(action, Close):
                self._end(action)
            else:
                self._start(self._answering.make(action.response, action.reply))

    def _emit_all(self, events: list[Event]) -> None:
        for event in events:
            self._emit(event)

    def _emit(self, event: Event) -> None:
        """Send an event, unless a fault swallows it, and do what is to be done at its moment."""
        faults, kind = self._faults(), event["type"]
        if kind == "session.created" and faults.no_session_created:
            return
        if kind == "session.updated":
            if faults.no_session_updated:
                return
            if faults.session_updated_delay_ms:
                self._start(self._later(faults.session_updated_delay_ms / 1000, lambda: self._put(event)))
                return
        self._put(event)

    def _put(self, event: Event) -> None:
        faults, kind = self._faults(), event["type"]
        self._writer.put(event, faults.network_delay_ms / 1000)
        if kind == "session.updated" and faults.session_updated_twice:
            self._writer.put({**event, "event_id": new_id("event")}, faults.network_delay_ms / 1000)
        if faults.extras:
            for extra in extras.after(kind):
                self._writer.put(extra, faults.network_delay_ms / 1000)
        if kind == "response.audio.delta":
            count = self._deltas[event["response_id"]] = self._deltas.get(event["response_id"], 0) + 1
            if count == faults.at_delta:
                self._moment(Moment.DELTA)
        elif kind in _MOMENTS:
            self._moment(_MOMENTS[kind])
        if kind == "response.done":
            self._deltas.pop(event["response"]["id"], None)

    def _moment(self, moment: Moment) -> None:
        """Do what the faults want done at this moment."""
        faults = self._faults()
        if faults.garbage_at == moment:
            self._writer.put(extras.garbage(faults.garbage), faults.network_delay_ms / 1000)
        if faults.phantom_speech_at == moment and not self._phantom:
            self._phantom = True
            self._start(self._phantom_speech(faults.phantom_speech_ms / 1000))
        if faults.close_at == moment:
            self._end(Abort() if faults.close_abruptly else Close(faults.close_code, faults.close_reason))

    def _end(self, how: Close | Abort) -> None:
        if not self._ending:
            self._ending = True
            self._writer.put(how, self._faults().network_delay_ms / 1000)

    async def _phantom_speech(self, duration_s: float) -> None:
        start_ms = self._session.position_ms
        self._do(self._session.speech_started(TurnStarted(start_ms), time.monotonic()))
        await asyncio.sleep(duration_s)
        stopped = TurnStopped(start_ms, start_ms + round(duration_s * 1000), 0)
        self._do(self._session.speech_stopped(stopped, answered=False))
        self._phantom = False

    async def _later(self, delay_s: float, then: Callable[[], None]) -> None:
        await asyncio.sleep(delay_s)
        then()

    async def _watch(self) -> None:
        """End the session when its time is over, or when nothing has happened for too long."""
        while not self._ending:
            await asyncio.sleep(min(_WATCH_S, max(0.0, self._expires_s - time.monotonic())))
            now_s = time.monotonic()
            if now_s >= self._expires_s:
                message = "Your session hit its maximum duration."
                self._emit(error("session_expired", message))
                self._end(Close(1001, message))
            elif now_s - self._last_event_s >= self._faults().idle_s:
                self._moment(Moment.IDLE)
                self._last_event_s = now_s

    def _heard(self, data: bytes, audio: InputFormat) -> None:
        self._record.sound(self._session_record, data, audio.frame_bytes, audio.rate_hz, time.monotonic())

    def _sent(self, event: Event) -> None:
        self._last_event_s = now_s = time.monotonic()
        self._record.message(self._session_record, "out", event, now_s)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failure := task.exception()):
            logger.error("a session of the local service failed", exc_info=failure)
            self._end(Close(1011, "The local service failed."))
