"""Drives a dialogue through short stories."""

from __future__ import annotations

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.dialogue import Dialogue
from device_daemon.conversation.policy import ConversationPolicy
from device_daemon.errors import ConnectionLost
from device_daemon.greetings.opening import Opening
from device_daemon.state import State

HELLO = Opening("welcome", "Hello!")
SECOND = bytes(48_000)


class Story:
    """Drives a dialogue by what happens; `now` moves only in `wait`, and where a story sets it.

    The microphone gives sound as soon as it is open, unless it is a `deaf` one.
    """

    def __init__(
        self,
        opening: Opening | None = HELLO,
        policy: ConversationPolicy | None = None,
        *,
        deaf: bool = False,
        news: str = "",
    ) -> None:
        self.now = 1000.0
        self.deaf = deaf
        self.dialogue = Dialogue(opening, policy or ConversationPolicy(), news=news)
        self.commands = self._with_sound(self.dialogue.start(self.now))

    def then(self, *events: on.Event) -> list[do.Command]:
        """The commands that these events bring about."""
        self.commands = [
            command for event in events for command in self._with_sound(self.dialogue.receive(event, self.now))
        ]
        return self.commands

    def wait(self, seconds: float) -> list[do.Command]:
        self.now += seconds
        self.commands = self._with_sound(self.dialogue.tick(self.now))
        return self.commands

    def _with_sound(self, commands: list[do.Command]) -> list[do.Command]:
        if self.deaf or do.OpenMicrophone() not in commands:
            return commands
        return [*commands, *self.dialogue.receive(on.MicrophoneFlows(), self.now)]

    def sent(self) -> list[do.Message]:
        return [command.message for command in self.commands if isinstance(command, do.Send)]

    def states(self) -> list[State]:
        return [command.state for command in self.commands if isinstance(command, do.Enter)]

    def ready(self) -> Story:
        self.then(on.Opened(), on.SessionUpdated())
        return self

    def delta(self, response: str = "r1", pcm: bytes = SECOND) -> on.AudioDelta:
        return on.AudioDelta(response, f"item-{response}", 0, pcm)

    def ticket(self) -> int:
        return max(
            command.ticket
            for command in self.commands
            if isinstance(command, do.Play | do.Flush | do.Sound | do.Notice)
        )

    def greeted(self) -> Story:
        self.ready()
        self.then(
            on.ResponseCreated("r1"), self.delta(), on.Started("item-r1", self.now), on.ResponseDone("r1", "completed")
        )
        self.then(on.Silent(1, self.now))
        return self

    def answering(self) -> Story:
        """Greeted, asked something, and half a second into a second of answer."""
        self.greeted()
        self.then(on.SpeechStarted(), on.SpeechStopped(), on.ResponseCreated("r2"))
        self.then(self.delta("r2"), on.Started("item-r2", self.now))
        return self

    def reconnected(self) -> Story:
        """The connection breaks, and the next session is ready."""
        self.then(on.Closed(ConnectionLost("lost")), on.Opened(), on.SessionUpdated())
        return self

    def recalled(self) -> str:
        """What the session is told that was said before."""
        return "\n".join(message.text for message in self.sent() if isinstance(message, do.Recall))

    def has_sound(self, name: str) -> bool:
        """An earcon or notice of that name is queued."""
        return any(isinstance(command, do.Sound | do.Notice) and command.name == name for command in self.commands)
