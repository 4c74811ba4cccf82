"""The health of the device's parts: a state with a reason and a time, owned by the part and asked by everybody else.

A part (the microphone, the line to the service, ...) owns one `Health` and says when it failed and when it recovered.
The light, `status`, the watchdog, doctor and the start of a conversation read what is true now. No event erases a
failure: only the part itself does, when it works again.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from device_daemon.errors import SpeakerError


class Part(StrEnum):
    """What can fail on its own; the names stand in `status` and in the journal."""

    MICROPHONE = "microphone"
    SPEAKER = "speaker"
    SERVICE = "service"
    CLOCK = "clock"
    WAKE_WORDS = "wake-words"
    PINS = "pins"
    """Of buttons, mute switch and motion sensors."""
    LIGHTS = "lights"
    DISK = "disk"
    GREETING_CACHE = "greeting-cache"
    MCP = "mcp"
    MQTT = "mqtt"


class Health(Struct):
    """Healthy until `failed` is called. Not locked: call `failed` and `recovered` from one thread, read from any.

    `now_s` is time.monotonic, passed in.
    """

    part: Part
    failure: SpeakerError | None = None
    """What is wrong now, None while the part works."""
    since_s: float | None = None
    """When it last went from working to failed or back (time.monotonic); None if it always worked."""

    @property
    def ok(self) -> bool:
        """The part works, as far as it knows."""
        return self.failure is None

    @property
    def reason(self) -> str | None:
        """What is wrong now, as a sentence."""
        return str(self.failure) if self.failure else None

    def failed(self, error: SpeakerError, now_s: float) -> bool:
        """Note a failure; returns True if it is news: the part worked before, or failed for another reason.

        A reason is told apart by its type and its sentence, so that the same failure, tried again, is logged once.
        """
        before = self.failure
        news = before is None or type(before) is not type(error) or str(before) != str(error)
        if before is None:
            self.since_s = now_s
        self.failure = error
        return news

    def recovered(self, now_s: float) -> bool:
        """Note that the part works; returns True if that is news."""
        if self.failure is None:
            return False
        self.failure, self.since_s = None, now_s
        return True

    def as_dict(self, now_s: float) -> dict[str, object]:
        """For `status`: whether it works, the reason if not, and for how many seconds it has been so."""
        return {
            "ok": self.ok,
            "reason": self.reason,
            "for_s": None if self.since_s is None else round(now_s - self.since_s, 1),
        }
