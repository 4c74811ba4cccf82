"""Exceptions by what the user can do about them.

Each message is one sentence that names the file, device or setting, and ends in what to do next. `notice` names the
short spoken notice (audio/sounds.py) that a person in the room hears; `retry` says whether trying again by
itself can mend it.
"""

from __future__ import annotations

from typing import ClassVar

EX_FAILURE = 1
EX_USAGE = 64
EX_UNAVAILABLE = 69
EX_CONFIG = 78


class SpeakerError(Exception):
    """Anything this program tells an owner; the others derive from it."""

    notice: ClassVar[str] = "broken"
    retry: ClassVar[bool] = False
    exit_code: ClassVar[int] = EX_FAILURE

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(SpeakerError):
    """The YAML file is wrong: mend the lines it names. `problems` holds one printable line each."""

    notice = "settings"
    exit_code = EX_CONFIG

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DeviceUnknown(SpeakerError):
    """No sound card or pin of that name: choose one of those listed."""

    notice = "sound-card"
    retry = True
    exit_code = EX_UNAVAILABLE

    def __init__(self, message: str, device: str) -> None:
        super().__init__(message)
        self.device = device


class DeviceBusy(DeviceUnknown):
    """Another program holds the device: stop it or share the device; it is taken when it is free."""


class DeviceGone(DeviceUnknown):
    """The device was unplugged or failed while in use: plug it in again; it is taken when it is back."""


class PinUnusable(DeviceUnknown):
    """A GPIO pin cannot be had: the message says why, and what to install, stop or rewire."""

    notice = "broken"


class VoiceMissing(SpeakerError):
    """The device's own voice (espeak-ng) cannot speak this: install it, or choose a voice it has."""

    exit_code = EX_UNAVAILABLE


class KeyMissing(SpeakerError):
    """No API key in any of the three places: put it in one of them."""

    notice = "key"
    exit_code = EX_CONFIG


class AuthRefused(SpeakerError):
    """The service refused the key or token: check the key, its resource and its role."""

    notice = "key"


class SessionRejected(SpeakerError):
    """The service refused what the config asks for (model, voice, turn detection…): change that setting."""

    notice = "settings"

    @classmethod
    def from_service(cls, code: str, message: str) -> SessionRejected:
        """From the code and message of the service's error event."""
        return cls(
            f"the service refused the session: {message.rstrip('.')} ({code}); change it under service: in the config."
        )


class ProxyUnusable(SpeakerError):
    """An environment variable such as HTTPS_PROXY holds no address of a proxy: correct it."""

    notice = "settings"
    exit_code = EX_CONFIG


class ServiceUnreachable(SpeakerError):
    """Network, name, TLS or time: check the network; it is tried again by itself."""

    notice = "offline"
    retry = True
    exit_code = EX_UNAVAILABLE


class ServiceBusy(ServiceUnreachable):
    """Quota or throttling: wait; `retry_after_s` is what the service asked for, if it did."""

    notice = "busy"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ClockNotSet(ServiceUnreachable):
    """The device does not know what time it is, so no certificate looks valid: it waits for the network's time."""

    notice = "clock"


class ServiceSilent(ServiceUnreachable):
    """The connection stands but an answer that was due did not come in time."""


class ConnectionLost(ServiceUnreachable):
    """An open session was closed by the network or the service; `code` is the WebSocket close code."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class SessionEnded(SpeakerError):
    """The service closed the session in good order: the conversation is over, nothing is wrong."""

    notice = ""


class WakeWordsUnusable(SpeakerError):
    """Nothing listens for wake words: the engine is missing or failed; the message says what installs or mends it."""

    exit_code = EX_UNAVAILABLE


class WakeWordUnknown(WakeWordsUnusable):
    """The config names a wake word that the engine does not know: choose one of those listed."""

    notice = "settings"
    exit_code = EX_CONFIG
