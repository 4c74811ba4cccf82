"""Exceptions, one class for each thing the owner can do about a failure.

Each message is one sentence that names the file, device or setting and says what to do next. `notice` names the spoken
notice (language/en.yaml) that a person near the speaker hears; `retry` says whether the same attempt can succeed later
without a change by the owner.
"""

from __future__ import annotations

from typing import ClassVar

EX_FAILURE = 1
EX_USAGE = 64
EX_UNAVAILABLE = 69
EX_CONFIG = 78


class SpeakerError(Exception):
    """Base class of all errors that are shown to the owner."""

    notice: ClassVar[str] = "broken"
    retry: ClassVar[bool] = False
    exit_code: ClassVar[int] = EX_FAILURE
    private: ClassVar[bool] = False
    """The sentence holds what somebody said: it is for whoever asked, and not logged."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigError(SpeakerError):
    """The config file has errors: fix the lines it names.

    `problems` holds one printable line each; `report` is the same for a terminal, with the lines of the file.
    """

    notice = "settings"
    exit_code = EX_CONFIG

    def __init__(self, problems: list[str], report: str = "") -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self.report = report or self.message


class DeviceUnknown(SpeakerError):
    """No sound card or pin of that name: choose one of those listed."""

    notice = "sound-card"
    retry = True
    exit_code = EX_UNAVAILABLE

    def __init__(self, message: str, device: str) -> None:
        super().__init__(message)
        self.device = device


class DeviceBusy(DeviceUnknown):
    """Another program uses the device: stop that program or share the device. It is opened once it is free."""


class DeviceSlow(DeviceUnknown):
    """The device's driver does not answer: check its cable, or restart the machine. It is used once it answers."""


class DeviceGone(DeviceUnknown):
    """The device was unplugged or failed while in use: plug it in again. It is reopened once it is back."""


class PinUnusable(DeviceUnknown):
    """A GPIO pin cannot be used: the message says why, and what to install, stop or rewire."""

    notice = "broken"


class VoiceMissing(SpeakerError):
    """The local speech synthesiser (espeak-ng) cannot speak this: install it, or choose a voice it has."""

    exit_code = EX_UNAVAILABLE


class EchoModeUnavailable(SpeakerError):
    """The config asks for an echo mode that this device, its installation or the service does not have."""

    notice = "settings"
    exit_code = EX_CONFIG


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


class SettingUnusable(SpeakerError):
    """A setting or an environment variable, such as HTTPS_PROXY, names something that cannot be used: correct it."""

    notice = "settings"
    exit_code = EX_CONFIG


class ServiceUnreachable(SpeakerError):
    """No connection (network, DNS, TLS, clock): check the network. The connection is retried automatically."""

    notice = "offline"
    retry = True
    exit_code = EX_UNAVAILABLE


class ServiceBusy(ServiceUnreachable):
    """Quota or throttling: wait. `retry_after_s` is what the service asked for, None if nothing."""

    notice = "busy"

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class ClockNotSet(ServiceUnreachable):
    """The clock is not set, so no certificate is valid: the speaker waits for the time from the network."""

    notice = "clock"


class ServiceSilent(ServiceUnreachable):
    """The connection is open, but a response did not come within its deadline."""


class ConnectionLost(ServiceUnreachable):
    """An open session was closed by the network or the service; `code` is the WebSocket close code."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class LimitReached(SpeakerError):
    """A limit of use that the owner has set is reached: wait, or raise it."""

    notice = "limit"


class AnswerNotHeard(SpeakerError):
    """The service ended a response that was asked for without sound: the message gives its reason."""

    notice = "try-again"


class WakeWordsUnusable(SpeakerError):
    """Wake words are not detected: the engine is missing or failed; the message says how to install or fix it."""

    exit_code = EX_UNAVAILABLE


class WakeWordUnknown(WakeWordsUnusable):
    """The config names a wake word that the engine does not know: choose one of those listed."""

    notice = "settings"
    exit_code = EX_CONFIG
