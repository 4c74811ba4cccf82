"""The rules of one session, without I/O: messages of the client in, events of the service out.

`receive` takes one message and the time of a monotonic clock and returns what follows: events to send, responses to
make, or the end of the session. It never waits, and whatever a client sends, it does not raise.

The two ways through the local service:

- A session in: `server` (handshake, key or token) -> `connection` (one WebSocket; reads, and applies the faults)
  -> `session.receive` -> `session_settings` (session.update), `input_audio_buffer` -> `vad` (audio to turns),
  `conversation_items` (history).
- A response out: `response_policy` (may it begin?) <- `response_context` (to what?) <- `scripted_replies` (with which
  words and calls?) -> `synthesis` (text and audio, at a pace) -> `response_events` (the chain of events)
  -> `connection` -> `message_queues.Writer` -> WebSocket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from device_daemon.localservice import mcp_servers, session_settings, turn_detection
from device_daemon.localservice.audio_formats import InputFormat
from device_daemon.localservice.conversation_items import ConversationItems, Item, StreamedTexts, shown, spoken_item
from device_daemon.localservice.input_audio_buffer import InputAudioBuffer, decoded
from device_daemon.localservice.messages import Close, Emit, Event, Refusal, error, event, new_id
from device_daemon.localservice.model import Model
from device_daemon.localservice.response_context import pre_generated_text
from device_daemon.localservice.response_policy import PlannedResponse, ResponsePolicy
from device_daemon.localservice.scripted_replies import Replies
from device_daemon.localservice.transcription import transcription_events
from device_daemon.localservice.vad import SILENCE_DBFS, TurnStarted, TurnStopped
from device_daemon.localservice.validation import listed, mapping, text, unknown_message

MAX_CONFIG_ATTEMPTS = 5
"""Recorded by third parties: then the service closes with 1008."""

Action = Emit | Close | PlannedResponse
Handler = Callable[[Mapping[str, Any], float], list[Action]]


class Session:
    """One session from `session.created` to its end."""

    def __init__(
        self,
        model: Model,
        replies: Replies,
        *,
        expires_at: int,
        greeting: str = "",
        first_message_rule: bool = True,
        cancels_echo: bool = True,
        on_audio: Callable[[bytes, InputFormat], None] | None = None,
    ) -> None:
        self.id = new_id("sess")
        self.model = model
        self.conversation = ConversationItems()
        self.responses = ResponsePolicy(self.conversation, model, replies)
        self._replies = replies
        self._greeting = greeting
        self._first_message_rule = first_message_rule
        self._on_audio = on_audio
        self._input = InputAudioBuffer() if cancels_echo else InputAudioBuffer(lambda _rate_hz: None)
        greets = {"type": "template", "text": greeting} if greeting else None
        self.settings = session_settings.opened(model, session_id=self.id, expires_at=expires_at, greeting=greets)
        self._configured = False
        self._attempts = 0
        self._turn_item_id = ""
        self._client_turn_id: str | None = None
        self._texts = StreamedTexts()
        self._handlers: dict[str, Handler] = {
            "session.update": self._update,
            "transcription_session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "input_audio.turn.start": self._start_turn,
            "input_audio.turn.append": self._append_to_turn,
            "input_audio.turn.end": lambda message, now_s: self._close_turn(message, now_s, self._commit),
            "input_audio.turn.cancel": lambda message, now_s: self._close_turn(message, now_s, self._clear),
            "input_audio.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": lambda message, _: _emit(self.conversation.retrieve(message.get("item_id"))),
            "conversation.item.delete": lambda message, _: _emit(self.conversation.delete(message.get("item_id"))),
            "conversation.item.truncate": self._truncate,
            "response.create": self._create_response,
            "response.cancel": lambda message, now_s: _emit(*self.responses.cancel(message.get("response_id"), now_s)),
            "input_text.delta": self._stream_text,
            "input_text.done": self._end_streamed_text,
        }

    @property
    def position_ms(self) -> int:
        """How much of the client's audio was received."""
        return self._input.position_ms

    def open(self) -> list[Action]:
        """Return what the service sends first."""
        return _emit(event("session.created", session=dict(self.settings)))

    def receive(self, message: object, now_s: float) -> list[Action]:
        """Take one message of the client and return what follows."""
        try:
            checked, handler = self._admitted(message)
            return handler(checked, now_s)
        except Refusal as refusal:
            return self.refuse(refusal, message)

    def refuse(self, refusal: Refusal, message: object) -> list[Action]:
        """Return the error; after too many of them the end of a session that was never configured."""
        actions = _emit(refusal.as_event(message))
        if self._configured or not self._first_message_rule:
            return actions
        self._attempts += 1
        if self._attempts < MAX_CONFIG_ATTEMPTS:
            return actions
        reason = f"Session configuration failed after {MAX_CONFIG_ATTEMPTS} attempts."
        return [*actions, *_emit(error("max_config_attempts_exceeded", reason)), Close(1008, reason)]

    def speech_started(self, turn: TurnStarted, now_s: float) -> list[Action]:
        """A turn of a person begins; if the session wants that, it interrupts the response (barge-in)."""
        self._turn_item_id = new_id("item")
        started = event(
            "input_audio_buffer.speech_started", audio_start_ms=turn.audio_start_ms, item_id=self._turn_item_id
        )
        detection = self.settings["turn_detection"] or {}
        events = [started]
        if detection.get("interrupt_response"):
            appended = detection.get("appended_text_after_truncation") or ""
            truncate = detection["auto_truncate"]
            events += self.responses.interrupt("turn_detected", now_s, truncate=truncate, appended=appended)
        return _emit(*events)

    def speech_stopped(self, turn: TurnStopped, *, committed: bool = True) -> list[Action]:
        """A turn of a person ends; if it is not `committed`, it was no speech and nothing follows."""
        stopped = event("input_audio_buffer.speech_stopped", audio_end_ms=turn.audio_end_ms, item_id=self._turn_item_id)
        if not committed:
            return _emit(stopped)
        item = spoken_item(self._turn_item_id, turn.audio_end_ms - turn.audio_start_ms, turn.spoken_ms)
        events, transcription = self._committed(item)
        detection = self.settings["turn_detection"] or {}
        if not detection.get("create_response"):
            return _emit(stopped, *events, *transcription)
        actions = _emit(stopped, *events)
        try:
            return [*actions, *self.responses.respond(self.settings, {}, {}, transcription)]
        except Refusal as refusal:
            # A response that may not be interrupted is still in progress.
            return [*actions, *_emit(*transcription, refusal.as_event())]

    def _admitted(self, message: object) -> tuple[dict[str, Any], Handler]:
        """Return the message and its handler, or raise Refusal if it is unknown or too early."""
        if not isinstance(message, dict):
            raise Refusal("invalid_request_error", "A message must be a JSON object.")
        kind = message.get("type")
        if not self._configured and kind != "session.update" and self._first_message_rule:
            raise Refusal("invalid_session_update_message", "The first message must be a session.update.", "type")
        if not isinstance(kind, str) or kind not in self._handlers:
            raise unknown_message(kind)
        return message, self._handlers[kind]

    def _update(self, message: Mapping[str, Any], _now_s: float) -> list[Action]:
        before = self.settings
        self.settings = session_settings.updated(
            before,
            message.get("session"),
            self.model,
            started=self._configured,
            voice_used=self.responses.voice_used,
        )
        first, self._configured = not self._configured, True
        audio = InputFormat(
            self.settings["input_audio_format"],
            self.settings["input_audio_sampling_rate"],
            session_settings.input_channels(self.settings),
        )
        self._input.configure(audio, turn_detection.effective(self.settings["turn_detection"]))
        actions = _emit(event("session.updated", session=dict(self.settings)))
        actions += _emit(*session_settings.warnings(before, self.settings))
        for tool in self.settings["tools"]:
            if tool["type"] == "mcp" and tool not in before["tools"]:
                actions += _emit(*mcp_servers.listing(self.conversation, tool, self._replies))
        if first and self._greeting:
            actions += self.responses.say(self.settings, {}, self._greeting)
        return actions

    def _append(self, message: Mapping[str, Any], now_s: float) -> list[Action]:
        data = self._received(message)
        echo = self.settings["input_audio_echo_cancellation"]
        found = self._input.append(
            data,
            assistant_speaking=self.responses.speaking(now_s),
            echo_dbfs=self.responses.playback.echo_dbfs(now_s) if echo else SILENCE_DBFS,
            sent=lambda frames: self.responses.playback.reference(frames, now_s) if echo else None,
        )
        actions: list[Action] = []
        for turn in found:
            if isinstance(turn, TurnStarted):
                actions += self.speech_started(turn, now_s)
            else:
                actions += self.speech_stopped(turn)
        return actions

    def _received(self, message: Mapping[str, Any]) -> bytes:
        data = decoded(message.get("audio"))
        if self._on_audio is not None:
            self._on_audio(data, self._input.format)
        return data

    def _commit(self, _message: Mapping[str, Any], _now_s: float) -> list[Action]:
        buffered_ms, turn = self._input.commit()
        item = spoken_item(self._turn_item_id if turn else new_id("item"), buffered_ms, buffered_ms)
        events, transcription = self._committed(item)
        return _emit(*events, *transcription)

    def _clear(self, _message: Mapping[str, Any], _now_s: float) -> list[Action]:
        self._input.clear()
        return _emit(event("input_audio_buffer.cleared"))

    def _start_turn(self, message: Mapping[str, Any], _now_s: float) -> list[Action]:
        """A turn that the client delimits itself (the SDK's ClientEventInputAudioTurnStart): VAD does not look at it.

        The reference does not document these events; the ones they lead to here are those of a commit.
        """
        self._client_turn_id = text(message.get("turn_id"), "turn_id", empty=False)
        self._input.clear()
        return []

    def _append_to_turn(self, message: Mapping[str, Any], _now_s: float) -> list[Action]:
        self._check_turn(message)
        self._input.skip_vad(self._received(message))
        return []

    def _close_turn(self, message: Mapping[str, Any], now_s: float, close: Handler) -> list[Action]:
        self._check_turn(message)
        self._client_turn_id = None
        return close(message, now_s)

    def _check_turn(self, message: Mapping[str, Any]) -> None:
        if self._client_turn_id is None or message.get("turn_id") != self._client_turn_id:
            raise Refusal("invalid_value", f"The turn '{message.get('turn_id')}' was not started.", "turn_id")

    def _committed(self, item: Item) -> tuple[list[Event], list[Event]]:
        """Return the events of a committed turn, and those of its transcript that may come later."""
        committed = event("input_audio_buffer.committed", previous_item_id=self.conversation.last_id(), item_id=item.id)
        transcript = self._replies.transcript(self.responses.next_turn, item.spoken_s)
        item.transcript = transcript or ""
        events = transcription_events(self.settings["input_audio_transcription"], self.model, item.id, transcript)
        if self.model.realtime:
            created = self.conversation.add(item)
            done = event("conversation.item.done", previous_item_id=created["previous_item_id"], item=shown(item))
            return [committed, created, done], events
        item.body["content"][0]["transcript"] = transcript
        return [committed, *events, self.conversation.add(item)], []

    def _create_item(self, message: Mapping[str, Any], _now_s: float) -> list[Action]:
        item = self.conversation.item_from_client(message.get("item"))
        actions = _emit(self.conversation.add(item, message.get("previous_item_id")))
        if item.body["type"] != "mcp_approval_response" or not item.body["approve"]:
            return actions
        try:
            return [*actions, *self.responses.approved(self.settings, item.body["approval_request_id"])]
        except Refusal as refusal:
            return [*actions, *self.refuse(refusal, message)]

    def _truncate(self, message: Mapping[str, Any], now_s: float) -> list[Action]:
        truncated = self.conversation.truncate(
            message.get("item_id"), message.get("content_index"), message.get("audio_end_ms")
        )
        self.responses.playback.interrupted(now_s)
        return _emit(truncated)

    def _create_response(self, message: Mapping[str, Any], now_s: float) -> list[Action]:
        wanted = mapping(message.get("response") or {}, "response")
        actions: list[Action] = []
        try:
            if wanted.get("cancel_previous") and self.responses.active is not None:
                actions += _emit(*self.responses.interrupt("client_cancelled", now_s))
            self.responses.check_free()
            pre_generated = wanted.get("pre_generated_assistant_message")
            if pre_generated is not None:
                return [*actions, *self.responses.say(self.settings, wanted, pre_generated_text(pre_generated))]
            if wanted.get("commit"):
                actions += self._commit(message, now_s)
            for part in listed(wanted.get("append_input_items"), "response.append_input_items"):
                actions += _emit(self.conversation.add(self.conversation.item_from_client(part)))
            return [*actions, *self.responses.respond(self.settings, wanted, message)]
        except Refusal as refusal:
            # What was done before the refusal stays done: its events are sent all the same.
            return [*actions, *self.refuse(refusal, message)]

    def _stream_text(self, message: Mapping[str, Any], _now_s: float) -> list[Action]:
        self._texts.add(message)
        return []

    def _end_streamed_text(self, message: Mapping[str, Any], now_s: float) -> list[Action]:
        return self._create_item({"item": self._texts.end(message)}, now_s)


def _emit(*events: Event) -> list[Action]:
    return [Emit(one) for one in events]
