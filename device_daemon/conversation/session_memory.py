"""What a session of the service knows of the conversation, and what it is still to learn. Pure.

A session knows what was said in it, unless this device played it: a cached greeting, or an answer that went on after a
false interruption. A new session knows nothing of what was said before it.
"""

from __future__ import annotations

from device_daemon.conversation.commands import Command, Recall, Send
from device_daemon.conversation.transcript import ConversationTranscript


class SessionMemory:
    """The transcript of the conversation, and which part of it the session does not know."""

    def __init__(self, before: ConversationTranscript | None, news: str) -> None:
        """Begin anew, or with what was said `before` in the conversation that this one continues."""
        self.transcript = before or ConversationTranscript()
        self.news = news
        """What the model is still to be told, so that it mentions it."""
        self._untold = before is not None
        """The session does not know what was said before it began."""
        self._untold_responses: list[str] = []
        """Of these the session does not know how much was heard."""

    def is_untold(self, response_id: str | None) -> bool:
        """Return whether the session is still to learn how much was heard of a response."""
        return response_id in self._untold_responses

    def add_untold(self, response_id: str) -> None:
        """Take in that the session does not know of something that was said."""
        self._untold_responses.append(response_id)

    def session_lost(self, *, was_ready: bool) -> None:
        """Take in that the next session knows nothing; there is something to know if a session `was_ready`."""
        self._untold |= was_ready

    def tell(self) -> list[Command]:
        """Give the session what it does not know, once."""
        responses = [None] if self._untold else self._untold_responses
        texts = [*(self.transcript.summary(response_id) for response_id in responses), self.news]
        self._untold, self._untold_responses, self.news = False, [], ""
        return [Send(Recall("system", text)) for text in texts if text]
