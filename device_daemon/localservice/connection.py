"""One WebSocket: carries messages between a client and its session, and applies the faults to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from device_daemon.localservice.audio_formats import InputFormat
from device_daemon.localservice.faults import MOMENT_OF_EVENT, MOMENTS_OF_A_RESPONSE, Faults, Moment
from device_daemon.localservice.malformed_frames import extra_events, garbage, injected_error
from device_daemon.localservice.message_queues import GONE, Abort, DelayLine, Writer
from device_daemon.localservice.messages import Close, Emit, Event, Refusal, error, new_id
from device_daemon.localservice.model import Model
from device_daemon.localservice.record import Record, SessionRecord
from device_daemon.localservice.scripted_replies import Replies
from device_daemon.localservice.session import Action, Session
from device_daemon.localservice.synthesis import ResponseSynthesizer
from device_daemon.localservice.vad import TurnStarted, TurnStopped
from device_daemon.localservice.voice import Voice

logger = logging.getLogger(__name__)

_WATCH_S = 0.25
_CLOSING_S = 1.0


class ClientConnection:
    """One client's connection from the handshake to its end.

    Args:
        socket: the accepted WebSocket, which leaves pings to this class.
        transport: the TCP connection under it.
        model: the session's.
        faults: returns those in force for this connection.
        replies: the scripted ones.
        voice: speaks them.
        record: of all sessions, and `session_record` that of this one.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        model: Model,
        *,
        faults: Callable[[], Faults],
        replies: Replies,
        voice: Voice,
        record: Record,
        session_record: SessionRecord,
    ) -> None:
        self._socket = socket
        self._transport = transport
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
            cancels_echo=at_first.cancels_echo,
            on_audio=self._heard,
        )
        self._expires_s = time.monotonic() + at_first.session_lifetime_s
        self._inbound: DelayLine[str] = DelayLine(self._take)
        self._writer = Writer(socket, transport.abort, self._sent)
        self._synthesizer = ResponseSynthesizer(
            voice, self._session.responses, faults, self._emit_all, self._writer.room
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._requests = 0
        self._deltas: dict[str, int] = {}
        self._numbers: dict[str, int] = {}
        self._held_back: dict[str, list[Event]] = {}
        self._update_id: str | None = None
        self._last_event_s = time.monotonic()
        self._phantom = False
        self._ending = False
        self._half_open = False

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        writing = self._start(self._writer.run())
        self._start(self._watch())
        self._moment(Moment.CONNECTED)
        self._do(self._session.open())
        try:
            async for message in self._socket:
                await self._read(message)
        finally:
            self._inbound.close()
            if self._ending:
                # Reading ends as soon as closing begins: let the writer finish it.
                await asyncio.wait({writing}, timeout=_CLOSING_S)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self, code: int, reason: str) -> None:
        """End the connection with a close frame; a half-open one is reset."""
        if self._half_open:
            self._transport.abort()
        else:
            await self._socket.close(code=code, message=reason.encode())

    async def _read(self, message: Any) -> None:
        """Take one frame; a half-open connection takes none."""
        if self._half_open:
            return
        if message.type is WSMsgType.TEXT:
            self._inbound.put(message.data, self._faults().network_delay_ms / 1000)
        elif message.type is WSMsgType.PING:
            with contextlib.suppress(*GONE):  # the client is gone: reading ends by itself
                await self._socket.pong(message.data)
        elif message.type is WSMsgType.BINARY:
            self._emit(error("invalid_request_error", "Messages are JSON objects in text frames."))

    def _take(self, data: str) -> None:
        """Take one message after its network delay."""
        now_s = time.monotonic()
        try:
            message = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError) as wrong:
            self._emit(error("invalid_request_error", f"The message is not JSON: {wrong}."))
            return
        kind = message.get("type") if isinstance(message, dict) else None
        if isinstance(message, dict):
            self._record.message(self._session_record, "in", message, now_s)
        if kind != "input_audio_buffer.append":
            self._last_event_s = now_s
        if kind == "session.update":
            self._update_id = message.get("event_id")
        if (refusal := self._refused(kind)) is not None:
            self._do(self._session.refuse(refusal, message))
        elif kind != "response.create" or self._requests > self._faults().ignore_responses:
            self._do(self._session.receive(message, now_s))

    def _refused(self, kind: object) -> Refusal | None:
        """Return the refusal with which a fault answers a message, and count the requests for a response."""
        faults = self._faults()
        if kind == "session.update" and faults.reject_session_update:
            return Refusal(faults.reject_session_update, "An injected refusal.", faults.reject_param)
        if kind == "response.create":
            self._requests += 1
            if self._requests <= faults.reject_responses:
                return Refusal(faults.reject_response_code, "An injected refusal.")
        return None

    def _do(self, actions: list[Action]) -> None:
        for action in actions:
            if isinstance(action, Emit):
                self._emit(action.event)
            elif isinstance(action, Close):
                self._end(action)
            else:
                self._start(self._synthesizer.make(action))

    def _emit_all(self, events: list[Event]) -> None:
        for event in events:
            self._emit(event)

    def _emit(self, event: Event) -> None:
        """Send an event now or later, unless a fault swallows it."""
        faults, kind = self._faults(), event["type"]
        if kind == "session.created" and faults.no_session_created:
            return
        if kind == "session.updated":
            self._moment(Moment.BEFORE_UPDATED)
            if faults.no_session_updated:
                return
            if faults.session_updated_delay_ms:
                self._start(self._later(faults.session_updated_delay_ms / 1000, lambda: self._put(event)))
                return
        response_id = _response_id(event)
        if kind == "response.created":
            self._numbers[response_id] = len(self._numbers) + 1
            delay_ms = faults.of_response(self._numbers[response_id]).response_created_delay_ms
            if delay_ms:
                self._held_back[response_id] = [event]
                self._start(self._later(delay_ms / 1000, lambda: self._release(response_id)))
                return
        if response_id in self._held_back:
            self._held_back[response_id].append(event)
        else:
            self._put(event)

    def _release(self, response_id: str) -> None:
        for event in self._held_back.pop(response_id):
            self._put(event)

    def _put(self, event: Event) -> None:
        """Queue an event and apply the faults of its moment."""
        faults, kind = self._faults(), event["type"]
        self._send(event)
        if kind == "session.updated" and faults.session_updated_twice:
            self._send({**event, "event_id": new_id("event")})
        if faults.extras:
            for extra in extra_events(kind):
                self._send(extra)
        response_id = _response_id(event)
        if kind == "response.audio.delta":
            count = self._deltas[response_id] = self._deltas.get(response_id, 0) + 1
            if count == faults.at_delta:
                self._moment(Moment.DELTA, response_id)
        elif kind in MOMENT_OF_EVENT:
            self._moment(MOMENT_OF_EVENT[kind], response_id)
        if kind == "response.done":
            self._deltas.pop(response_id, None)

    def _send(self, event: Event) -> None:
        self._writer.put(event, self._faults().network_delay_ms / 1000)

    def _moment(self, moment: Moment, response_id: str = "") -> None:
        """Apply the faults that are set to this moment."""
        faults = self._faults()
        if moment in MOMENTS_OF_A_RESPONSE and faults.at_response not in {0, self._numbers.get(response_id)}:
            return
        if faults.error_at == moment:
            cause_id = self._update_id if faults.error_names_update else None
            self._send(injected_error(faults.error_shape, faults.error_code, cause_id))
        if faults.garbage_at == moment:
            self._writer.put(garbage(faults.garbage), faults.network_delay_ms / 1000)
        if faults.phantom_speech_at == moment and not self._phantom:
            self._phantom = True
            self._start(self._phantom_speech(faults.phantom_speech_ms / 1000))
        if faults.close_at == moment:
            self._end(Abort() if faults.close_abruptly else Close(faults.close_code, faults.close_reason))
        if faults.half_open_at == moment:
            self._half_open = True
            self._writer.freeze()
            self._transport.pause_reading()

    def _end(self, how: Close | Abort) -> None:
        if not self._ending:
            self._ending = True
            self._writer.put(how, self._faults().network_delay_ms / 1000)

    async def _phantom_speech(self, duration_s: float) -> None:
        start_ms = self._session.position_ms
        self._do(self._session.speech_started(TurnStarted(start_ms), time.monotonic()))
        await asyncio.sleep(duration_s)
        stopped = TurnStopped(start_ms, start_ms + round(duration_s * 1000), 0)
        self._do(self._session.speech_stopped(stopped, committed=False))
        self._phantom = False

    async def _later(self, delay_s: float, then: Callable[[], None]) -> None:
        await asyncio.sleep(delay_s)
        then()

    async def _watch(self) -> None:
        """End the session at `expires_at`, and note when nothing has happened for `idle_s`."""
        while not self._ending:
            await asyncio.sleep(min(_WATCH_S, max(0.0, self._expires_s - time.monotonic())))
            now_s = time.monotonic()
            if now_s >= self._expires_s and self._half_open:
                self._transport.abort()
            elif now_s >= self._expires_s:
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


def _response_id(event: Event) -> str:
    """Return the id of the response that an event belongs to; empty if it belongs to none."""
    return str(event.get("response_id") or (event.get("response") or {}).get("id") or "")
