"""The session object: its defaults in `session.created`, and what a `session.update` may change.

`session.updated` follows recorded traffic of the real service: what was never set is null, and a part that is set
comes back with all its fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_daemon.localservice import turn_detection
from device_daemon.localservice.messages import Event, Refusal, warning
from device_daemon.localservice.model import Model
from device_daemon.localservice.session_fields import FIELDS, INPUT_RATES_HZ, NULLABLE, TRANSCRIPTION_UNSET
from device_daemon.localservice.validation import fail, mapping

Part = dict[str, Any]

INSTRUCTIONS = (
    "You are the local voice service. You detect that somebody speaks, not what they say, and you say that you do."
)
_WITHOUT_EFFECT = {
    "animation.blendshapes": "no blendshapes are sent",
    "avatar": "there is no video",
    "interim_response": "no interim response is spoken",
}
"""Settings whose events a client may wait for, although this service never sends them."""


def opened(model: Model, *, session_id: str, expires_at: int, greeting: Part | None = None) -> Part:
    """Return the session object of `session.created`: nulls and defaults. `expires_at` is in unix seconds."""
    session = {
        "id": session_id,
        "model": model.deployed_name,
        "modalities": ["audio"] if model.realtime else ["audio", "text"],
        "instructions": INSTRUCTIONS,
        "voice": model.default_voice,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": None if model.realtime else {"model": "azure-speech", **TRANSCRIPTION_UNSET},
        "input_audio_noise_reduction": None,
        "turn_detection": turn_detection.initial(model),
        "tools": [],
        "tool_choice": "auto",
        "max_response_output_tokens": "inf",
        "expires_at": expires_at,
        "object": "realtime.session",
        "input_audio_sampling_rate": 24_000,
        "animation": None,
        "input_audio_echo_cancellation": None,
        "avatar": None,
        "output_audio_timestamp_types": None,
        "truncation_strategy": None,
        "include": None,
        "greeting": greeting,
        "handoff": None,
    }
    return session if model.realtime else session | {"temperature": 0.8}


def updated(session: Part, change: object, model: Model, *, started: bool, voice_used: bool) -> Part:
    """Return the session object after a `session.update`.

    Args:
        session: the object before.
        change: the `session` of the update.
        model: the session's model.
        started: an earlier update was accepted, so the audio formats can't change.
        voice_used: the voice was heard already, so it can't change.

    Raises:
        Refusal: something in `change` is not valid.
    """
    wanted = mapping(change, "session")
    if model.agent:
        for key in ("instructions", "tools"):
            if wanted.get(key):
                raise Refusal(
                    f"{key}_configuration_not_supported", f"The agent brings its own {key}.", f"session.{key}"
                )
    result = dict(session)
    for key, value in wanted.items():
        # Null turns a part off where that is possible; elsewhere it means that nothing was chosen.
        if key in FIELDS and (value is not None or key in NULLABLE):
            result[key] = FIELDS[key](value, model)
    # Documented and recorded: empty instructions count as none.
    result["instructions"] = result["instructions"] or INSTRUCTIONS
    if "input_audio_format" in wanted and "input_audio_sampling_rate" not in wanted:
        result["input_audio_sampling_rate"] = 24_000 if result["input_audio_format"] == "pcm16" else 8_000
    _check_input(result)
    if started:
        _check_settled(session, result)
    if voice_used and result["voice"] != session["voice"]:
        raise Refusal(
            "cannot_update_voice",
            "Cannot update a conversation's voice if assistant audio is present.",
            "session.voice",
        )
    return result


def _check_input(session: Part) -> None:
    """Check the rules that span several fields of the input audio.

    Source of the codes for echo cancellation: the API reference 2026-07-15.
    """
    encoding, rate_hz = session["input_audio_format"], session["input_audio_sampling_rate"]
    if rate_hz not in INPUT_RATES_HZ[encoding]:
        allowed = ", ".join(str(rate) for rate in INPUT_RATES_HZ[encoding])
        fail("session.input_audio_sampling_rate", f"{rate_hz} is not supported with {encoding}; use one of {allowed}")
    echo = session["input_audio_echo_cancellation"]
    if echo is None:
        return
    param = "session.input_audio_echo_cancellation"
    if echo["reference_source"] == "client" and echo["channels"] == 1:
        raise Refusal("invalid_ec_reference_channels", "A client echo reference requires stereo input.", param)
    if echo["reference_source"] == "server" and echo["channels"] == 2:
        raise Refusal("invalid_ec_channels_requires_client", "Stereo input requires a client echo reference.", param)
    if echo["channels"] == 2 and encoding != "pcm16":
        raise Refusal("invalid_ec_channels_format", "Stereo input requires input_audio_format pcm16.", param)


def _check_settled(before: Part, after: Part) -> None:
    """Refuse to change the audio formats after the session has started."""
    for key in ("input_audio_format", "input_audio_sampling_rate", "output_audio_format"):
        if before[key] != after[key]:
            raise Refusal("invalid_value", f"{key} can't be changed after the session has started.", f"session.{key}")
    if input_channels(before) != input_channels(after):
        raise Refusal(
            "change_in_ec_channels_not_allowed",
            "The number of echo cancellation channels can't be changed after the session has started.",
            "session.input_audio_echo_cancellation.channels",
        )


def input_channels(session: Mapping[str, Any]) -> int:
    """Return 2 where the client sends its echo reference beside the microphone, else 1."""
    echo = session["input_audio_echo_cancellation"]
    return 1 if echo is None else int(echo["channels"])


def warnings(before: Part, after: Part) -> list[Event]:
    """Return a `warning` event for each setting that is new, accepted and without effect here."""
    return [
        warning(
            f"The local voice service accepts {name}, but it has no effect: {effect}.",
            code="unsupported_by_local_service",
            param=f"session.{name}",
        )
        for name, effect in _WITHOUT_EFFECT.items()
        if _setting(after, name) is not None and _setting(after, name) != _setting(before, name)
    ]


def _setting(session: Part, name: str) -> object:
    if name == "animation.blendshapes":
        return True if "blendshapes" in ((session["animation"] or {}).get("outputs") or []) else None
    return session.get(name)
