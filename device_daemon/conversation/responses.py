"""Which response the service is making, which one may be heard, and why one was not heard. Pure."""

from __future__ import annotations

from msgspec import Struct

from device_daemon.conversation.commands import CancelResponse, Command, Send
from device_daemon.conversation.events import ResponseDone
from device_daemon.errors import AnswerNotHeard, ConnectionLost, SpeakerError


class ResponseTracker(Struct):
    """The two differ after an interruption: the service may still make what nobody is to hear any more."""

    active: str | None = None
    """The response that the service is making; it makes one at a time, from response.created to response.done."""
    accepted: str | None = None
    """The response whose sound may be played: the newest, unless somebody interrupted it."""
    caller: str | None = None
    """The newest response that called a tool: without sound it is complete, for its follow-up is the answer."""
    heard: bool = False
    """Something of the accepted response was heard."""
    done: ResponseDone | None = None
    """How the accepted response ended; None while it goes on, or where its connection broke."""
    cancel_next: bool = False
    """The person dismissed the answer before the service began it: it is cancelled when it begins."""
    postponed: bool = False
    """A turn was handed in and refused while another response was active: it is handed in again afterwards."""
    requests: int = 0
    """How many answers were asked for; numbers the requests."""
    stale_deltas: int = 0
    """Pieces of sound that came after their response was interrupted; nothing of them is heard unless it goes on."""

    @property
    def unfinished(self) -> bool:
        """The service is still making the accepted response."""
        return self.accepted is not None and self.accepted == self.active

    @property
    def called(self) -> bool:
        """The accepted response called a tool."""
        return self.accepted is not None and self.accepted == self.caller

    def accept(self, response_id: str) -> None:
        """Let a new response be heard."""
        self.accepted, self.heard, self.done = response_id, False, None

    def resume(self, response_id: str, done: ResponseDone | None) -> None:
        """Let an interrupted response be heard again; `done` is how it ended, if it did."""
        self.accepted, self.heard, self.done = response_id, True, done

    def cancel(self) -> list[Command]:
        """Ask the service to stop the response that it is making, if there is one."""
        return [] if self.active is None else [Send(CancelResponse(self.active))]

    def drop(self) -> None:
        """Let nothing more be heard: what still comes of it is stale."""
        self.accepted = self.done = None

    def ended(self, event: ResponseDone) -> bool:
        """Take in response.done; return True if it was the accepted response."""
        if event.response_id == self.active:
            self.active = None
        if event.response_id != self.accepted:
            return False
        self.done = event
        return True

    def session_lost(self) -> None:
        """Take in that nothing more comes of any response."""
        self.active, self.cancel_next, self.postponed = None, False, False

    def failure(self, what: str) -> SpeakerError | None:
        """Return why the accepted response, which is over, is no complete answer; None if it is.

        Args:
            what: What it was, for the log: "an answer".
        """
        if self.done is None:
            return ConnectionLost(f"the connection broke in the middle of {what}.")
        if (self.heard or self.called) and self.done.status == "completed":
            return None
        how = "was heard only in part" if self.heard else "was not heard"
        completed = self.done.status == "completed"
        reason = self.done.detail or ("it came without sound" if completed else "the service gave no reason")
        return AnswerNotHeard(
            f"{what} {how} ({self.done.status}: {reason}); if that happens often, check service.model and service.voice."
        )
