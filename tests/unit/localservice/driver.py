"""A client of a local session without a network: messages in, events out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from device_daemon.localservice.messages import Close, Emit
from device_daemon.localservice.model import Model
from device_daemon.localservice.response_policy import PlannedResponse
from device_daemon.localservice.scripted_replies import Replies, Rule, TranscriptRule
from device_daemon.localservice.session import Session
from tests.unit.localservice.client_messages import Json, speech

CHAIN_END = [
    "response.audio.done",
    "response.audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
]


class Driver:
    """A client of a session, and the maker of its answers: 100 ms of sound a word."""

    def __init__(
        self,
        model: str = "gpt-realtime",
        rules: list[Rule] | None = None,
        *,
        transcripts: Sequence[TranscriptRule] = (),
        agent: bool = False,
        **options: Any,
    ) -> None:
        replies = Replies(rules or [Rule(say="Hello there.")], transcripts)
        self.session = Session(Model(model, agent), replies, expires_at=1_800_000_000, **options)
        self.now_s = 100.0
        self.events: list[Json] = []
        self.closed: Close | None = None
        self.planned: list[PlannedResponse] = []
        self.take(self.session.open())

    def take(self, actions: list[Any]) -> list[Json]:
        new = [action.event for action in actions if isinstance(action, Emit)]
        self.events += new
        for action in actions:
            if isinstance(action, Close):
                self.closed = action
            elif isinstance(action, PlannedResponse):
                self.planned.append(action)
        return new

    def send(self, *messages: Any) -> list[Json]:
        """Send messages and return the events that came."""
        return [event for message in messages for event in self.take(self.session.receive(message, self.now_s))]

    def begin(self) -> str:
        """Send the first second of the newest answer, and return its item."""
        answer = self.planned[-1]
        self.take([Emit(event) for event in answer.response.begin_message()])
        assert answer.response.item is not None
        item_id = answer.response.item.id
        self.take([Emit(event) for event in answer.response.text(answer.reply.say)])
        pcm = speech(1000)
        self.session.responses.playback.sent(item_id, pcm, self.now_s)
        self.take([Emit(event) for event in answer.response.audio(pcm, 1000)])
        return item_id

    def answer(self) -> str:
        """Make the whole of the newest answer, and return its item."""
        item_id = self.begin()
        self.take([Emit(event) for event in self.planned[-1].response.finish()])
        return item_id

    def error(self, *messages: Any) -> Json:
        """Send messages of which the last is refused, and return what it said."""
        event = self.send(*messages)[-1]
        assert event["type"] == "error", event
        details: Json = event["error"]
        return details


def types(events: list[Json]) -> list[str]:
    return [event["type"] for event in events]


def configured(
    model: str = "gpt-realtime",
    rules: list[Rule] | None = None,
    *,
    transcripts: Sequence[TranscriptRule] = (),
    **session: Any,
) -> Driver:
    driver = Driver(model, rules, transcripts=transcripts)
    driver.send({"type": "session.update", "session": session or {"instructions": "Be brief."}})
    assert driver.events[-1]["type"] == "session.updated", driver.events[-1]
    return driver


def turn(vad: str = "server_vad", **fields: Any) -> Json:
    return {"type": vad, **fields}
