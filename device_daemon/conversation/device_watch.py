"""Whether a conversation's microphone gives sound and its speaker can be heard, and how long it waits for either. Pure."""

from __future__ import annotations

from math import inf

from msgspec import Struct

from device_daemon.conversation.policy import Deadlines
from device_daemon.errors import DeviceSlow, SpeakerError


class MicrophoneWatch(Struct):
    """The microphone, from its opening to its closing; times are time.monotonic."""

    deadlines: Deadlines
    open: bool = False
    flows: bool = False
    """The open microphone gives sound."""
    failure: SpeakerError | None = None
    """Why it gives none, as far as that is known."""
    deadline_s: float = inf
    """When it should give sound (again)."""
    discard_before_s: float = 0.0
    """Sound captured before holds what the speaker said, and is dropped."""

    @property
    def awaits_first_sound(self) -> bool:
        """It was opened and gave neither sound nor an error."""
        return self.open and not self.flows and self.failure is None

    def opened(self, now: float) -> None:
        """Take in that it is opened now."""
        self.open, self.flows, self.failure = True, False, None
        self.deadline_s = now + self.deadlines.first_sound_s

    def closed(self) -> None:
        """Take in that it is closed."""
        self.open, self.flows, self.failure, self.deadline_s = False, False, None, inf

    def failed(self, error: SpeakerError, now: float) -> None:
        """Take in why it gives no sound; the microphone has logged it."""
        self.flows, self.failure = False, error
        self.deadline_s = now + self.deadlines.microphone_s

    def gives_sound(self) -> None:
        """Take in that it works."""
        self.flows, self.failure, self.deadline_s = True, None, inf

    def late(self) -> SpeakerError:
        """Return why it gave no sound in time."""
        return self.failure or DeviceSlow(
            "the microphone was opened and gives neither sound nor an error; check its cable.", "microphone"
        )


class SpeakerWatch(Struct):
    """The speaker; times are time.monotonic."""

    deadlines: Deadlines
    failure: SpeakerError | None = None
    """Why nothing can be heard now."""
    deadline_s: float = inf
    """When it should have recovered."""

    def failed(self, error: SpeakerError, now: float, waits_since_s: float) -> None:
        """Take in a failure, which the speaker has logged; a person waits since `waits_since_s`, if before now."""
        self.failure = error
        waited_s = min(waits_since_s, now)
        self.deadline_s = max(waited_s + self.deadlines.speaker_s, now + self.deadlines.speaker_retry_s)

    def recovered(self) -> None:
        """Take in that it can be heard again."""
        self.failure, self.deadline_s = None, inf
