"""The rules of one session, without I/O: messages of the client in, events of the service out.

`receive` takes one message and the time of a monotonic clock and returns what follows: events to send, answers to
make, or the end of the session. It never waits, and whatever a client sends, it does not raise.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from device_daemon.localservice import configuration, response_context, turn_detection
from device_daemon.localservice.checks import listed, mapping, text
from device_daemon.localservice.conversation import ConversationItems, Item, shown, spoken_item
from device_daemon.localservice.formats import InputFormat
from device_daemon.localservice.hearing import NO_ECHO_DBFS, SpeechInput, decoded
from device_daemon.localservice.messages import Close, Emit, Event, Refusal, error, event, new_id
from device_daemon.localservice.models import Model
from device_daemon.localservice.response_policy import Answers, PlannedResponse
from device_daemon.localservice.scripted_replies import Replies
from device_daemon.localservice.turns import TurnStarted, TurnStopped

logger = logging.getLogger(__name__)

MAX_CONFIG_ATTEMPTS = 5
_MAX_TYPED_ITEMS = 100


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
        on_audio: Callable[[bytes, InputFormat], None] | None = None,
    ) -> None:
        self.id = new_id("sess")
        self.model = model
        self.conversation = ConversationItems()
        self.answers = Answers(self.conversation, model, replies)
        self._greeting = greeting
        self._first_message_rule = first_message_rule
        self._on_audio = on_audio
        self._hearing = SpeechInput()
        greets = {"type": "template", "text": greeting} if greeting else None
        self.configuration = configuration.opened(model, session_id=self.id, expires_at=expires_at, greeting=greets)
        self._configured = False
        self._attempts = 0
        self._turn_item_id = ""
        self._typed: dict[str, str] = {}
        self._handlers: dict[str, Handler] = {
            "session.update": self._update,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": lambda message, _: _emit(self.conversation.retrieve(message.get("item_id"))),
            "conversation.item.delete": lambda message, _: _emit(self.conversation.delete(message.get("item_id"))),
            "conversation.item.truncate": self._truncate,
            "response.create": self._create_response,
            "response.cancel": lambda message, now_s: _emit(*self.answers.cancel(message.get("response_id"), now_s)),
            "input_text.delta": self._type,
            "input_text.done": self._typed_all,
        }

    @property
    def position_ms(self) -> int:
        """How much of the client's audio was received."""
        return self._hearing.position_ms

    def open(self) -> list[Action]:
        """Return what the service says first."""
        return _emit(event("session.created", session=dict(self.configuration)))

    def receive(self, message: object, now_s: float) -> list[Action]:
        """Take one message of the client and return what follows."""
        try:
            checked, handler = self._admitted(message)
            return handler(checked, now_s)
        except Refusal as refusal:
            return self.refuse(refusal, message)

    def refuse(self, refusal: Refusal, message: object) -> list[Action]:
        """Return the error, and the end of a session that was never configured after too many of them."""
        actions = _emit(refusal.as_event(message))
        if self._configured or not self._first_message_rule:
            return actions
        self._attempts += 1
        if self._attempts < MAX_CONFIG_ATTEMPTS:
            return actions
        reason = f"Session configuration failed after {MAX_CONFIG_ATTEMPTS} attempts."
        return [*actions, *_emit(error("max_config_attempts_exceeded", reason)), Close(1008, reason)]

    def speech_started(self, turn: TurnStarted, now_s: float) -> list[Action]:
        """A person begins to speak: what the service is saying is interrupted, if the session wants that."""
        self._turn_item_id = new_id("item")
        started = event(
            "input_audio_buffer.speech_started", audio_start_ms=turn.audio_start_ms, item_id=self._turn_item_id
        )
        detection = self.configuration["turn_detection"] or {}
        events = [started]
        if detection.get("interrupt_response"):
            appended = detection.get("appended_text_after_truncation") or ""
            truncate = detection["auto_truncate"]
            events += self.answers.interrupt("turn_detected", now_s, truncate=truncate, appended=appended)
        return _emit(*events)

    def speech_stopped(self, turn: TurnStopped, *, answered: bool = True) -> list[Action]:
        """A person has finished. A turn that turns out to be no speech is not `answered`: nothing comes of it."""
        stopped = event("input_audio_buffer.speech_stopped", audio_end_ms=turn.audio_end_ms, item_id=self._turn_item_id)
        if not answered:
            return _emit(stopped)
        item = spoken_item(self._turn_item_id, turn.audio_end_ms - turn.audio_start_ms, turn.spoken_ms)
        events, transcription = self._committed(item)
        detection = self.configuration["turn_detection"] or {}
        if not detection.get("create_response"):
            return _emit(stopped, *events, *transcription)
        actions = _emit(stopped, *events)
        try:
            return [*actions, *self.answers.respond(self.configuration, {}, {}, transcription)]
        except Refusal as refusal:
            # An answer that may not be interrupted is still being made.
            return [*actions, *_emit(*transcription, refusal.as_event())]

    def _admitted(self, message: object) -> tuple[dict[str, Any], Handler]:
        """Return the message and what handles it, or raise Refusal if it may not come at all, or not yet."""
        if not isinstance(message, dict):
            raise Refusal("invalid_request_error", "A message must be a JSON object.")
        kind = message.get("type")
        if not self._configured and kind != "session.update" and self._first_message_rule:
            raise Refusal("invalid_session_update_message", "The first message must be a session.update.", "type")
        if not isinstance(kind, str) or kind not in self._handlers:
            raise _unknown(kind)
        return message, self._handlers[kind]

    def _update(self, message: Mapping[str, Any], _now_s: float) -> list[Action]:
        self.configuration = configuration.updated(
            self.configuration,
            message.get("session"),
            self.model,
            started=self._configured,
            voice_used=self.answers.voice_used,
        )
        first, self._configured = not self._configured, True
        audio = InputFormat(
            self.configuration["input_audio_format"],
            self.configuration["input_audio_sampling_rate"],
            configuration.input_channels(self.configuration),
        )
        self._hearing.configure(audio, turn_detection.effective(self.configuration["turn_detection"]))
        actions = _emit(event("session.updated", session=dict(self.configuration)))
        if first and self._greeting:
            actions += self.answers.say(self.configuration, {}, self._greeting)
        return actions

    def _append(self, message: Mapping[str, Any], now_s: float) -> list[Action]:
        data = decoded(message.get("audio"))
        if self._on_audio is not None:
            self._on_audio(data, self._hearing.format)
        echo = self.configuration["input_audio_echo_cancellation"]
        found = self._hearing.append(
            data,
            assistant_speaking=self.answers.speaking(now_s),
            echo_dbfs=self.answers.playback.echo_dbfs(now_s) if echo else NO_ECHO_DBFS,
        )
        actions: list[Action] = []
        for turn in found:
            if isinstance(turn, TurnStarted):
                actions += self.speech_started(turn, now_s)
            else:
                actions += self.speech_stopped(turn)
        return actions

    def _commit(self, _message: Mapping[str, Any], _now_s: float) -> list[Action]:
        buffered_ms, turn = self._hearing.commit()
        item = spoken_item(self._turn_item_id if turn else new_id("item"), buffered_ms, buffered_ms)
        events, transcription = self._committed(item)
        return _emit(*events, *transcription)

    def _clear(self, _message: Mapping[str, Any], _now_s: float) -> list[Action]:
        self._hearing.clear()
        return _emit(event("input_audio_buffer.cleared"))

    def _committed(self, item: Item) -> tuple[list[Event], list[Event]]:
        """Return the events of a committed turn, and those of its transcript that may come later."""
        committed = event("input_audio_buffer.committed", previous_item_id=self.conversation.last_id(), item_id=item.id)
        transcript = f"(speech, {item.spoken_s:.1f} s)"
        of_transcript = {"item_id": item.id, "content_index": 0}
        events = []
        wanted = self.configuration["input_audio_transcription"]
        if wanted:
            kind = "conversation.item.input_audio_transcription"
            if self.model.realtime and wanted["model"] != "azure-speech":
                events.append(event(f"{kind}.delta", **of_transcript, delta=transcript))
            events.append(event(f"{kind}.completed", **of_transcript, transcript=transcript))
        if self.model.realtime:
            created = self.conversation.add(item)
            done = event("conversation.item.done", previous_item_id=created["previous_item_id"], item=shown(item))
            return [committed, created, done], events
        item.body["content"][0]["transcript"] = transcript
        return [committed, *events, self.conversation.add(item)], []

    def _create_item(self, message: Mapping[str, Any], _now_s: float) -> list[Action]:
        item = self.conversation.item_from_client(message.get("item"))
        return _emit(self.conversation.add(item, message.get("previous_item_id")))

    def _truncate(self, message: Mapping[str, Any], now_s: float) -> list[Action]:
        truncated = self.conversation.truncate(
            message.get("item_id"), message.get("content_index"), message.get("audio_end_ms")
        )
        self.answers.playback.interrupted(now_s)
        return _emit(truncated)

    def _create_response(self, message: Mapping[str, Any], now_s: float) -> list[Action]:
        wanted = mapping(message.get("response") or {}, "response")
        actions: list[Action] = []
        try:
            if wanted.get("cancel_previous") and self.answers.active is not None:
                actions += _emit(*self.answers.interrupt("client_cancelled", now_s))
            self.answers.check_free()
            given = wanted.get("pre_generated_assistant_message")
            if given is not None:
                return [*actions, *self.answers.say(self.configuration, wanted, response_context.given_text(given))]
            if wanted.get("commit"):
                actions += self._commit(message, now_s)
            for part in listed(wanted.get("append_input_items"), "response.append_input_items"):
                actions += _emit(self.conversation.add(self.conversation.item_from_client(part)))
            return [*actions, *self.answers.respond(self.configuration, wanted, message)]
        except Refusal as refusal:
            # What was done before the refusal happened: the client has to know.
            return [*actions, *self.refuse(refusal, message)]

    def _type(self, message: Mapping[str, Any], _now_s: float) -> list[Action]:
        item_id, delta = text(message.get("id"), "id"), text(message.get("delta"), "delta")
        if item_id not in self._typed and len(self._typed) >= _MAX_TYPED_ITEMS:
            raise Refusal("invalid_value", "Too many texts were begun and not finished.", "id")
        self._typed[item_id] = self._typed.get(item_id, "") + delta
        return []

    def _typed_all(self, message: Mapping[str, Any], now_s: float) -> list[Action]:
        item_id = text(message.get("id"), "id")
        content = [{"type": "input_text", "text": self._typed.pop(item_id, "")}]
        return self._create_item(
            {"item": {"id": item_id, "type": "message", "role": "user", "content": content}}, now_s
        )


def _emit(*events: Event) -> list[Action]:
    return [Emit(one) for one in events]


def _unknown(kind: object) -> Refusal:
    if kind == "output_audio_buffer.clear":
        return Refusal("invalid_value", f"{kind} is only supported with an avatar.", "output_audio_buffer.clear")
    if kind == "session.avatar.connect" or (isinstance(kind, str) and kind.startswith("input_audio.")):
        return Refusal("invalid_value", f"{kind} is not supported by the local service.", "type")
    return Refusal("invalid_value", f"Input tag '{kind}' found using 'type' does not match any known event.", "type")
