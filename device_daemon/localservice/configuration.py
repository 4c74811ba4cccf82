"""The session object: what it says at first, and what a `session.update` may make of it.

The echo in `session.updated` follows recorded traffic of the real service: what was never set is null, and a part
that is set comes back with all its fields.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from device_daemon.localservice import turn_detection
from device_daemon.localservice.checks import fail, listed, mapping, number, one_of, strings, tag, text
from device_daemon.localservice.formats import OUTPUT_RATES_HZ
from device_daemon.localservice.messages import Refusal
from device_daemon.localservice.models import AZURE_VOICE_UNSET, Model

Part = dict[str, Any]

INSTRUCTIONS = (
    "You are the local stand-in for the voice service. You hear that somebody speaks, not what they say, and say so."
)
INPUT_RATES_HZ = {"pcm16": (8_000, 16_000, 24_000, 44_100), "g711_ulaw": (8_000,), "g711_alaw": (8_000,)}
_OPENAI_TRANSCRIBERS = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize")
_AZURE_TRANSCRIBERS = ("azure-speech", "mai-transcribe-1", "mai-transcribe-1.5", "mai-transcribe", "mai-transcribe-2")
_TRANSCRIPTION_UNSET: Part = {
    "language": None,
    "prompt": None,
    "delay": None,
    "custom_speech": None,
    "phrase_list": None,
}


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
        "input_audio_transcription": None if model.realtime else {"model": "azure-speech", **_TRANSCRIPTION_UNSET},
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
    """Return `session` after a `session.update` with `change`, or raise Refusal.

    `started`: an earlier update was accepted, so audio formats are settled. `voice_used`: it was heard already.
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
        # Null turns a part off where there is such a thing; elsewhere it means that nothing was chosen.
        if key in _PARTS and (value is not None or key in _NULLABLE):
            result[key] = _PARTS[key](value, model)
    # Documented and recorded: empty instructions are as good as none.
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
    """Hold the rules that span several fields of the input audio."""
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
    """Refuse to change what audio is like after the session has started."""
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


def voice(value: object, model: Model, param: str = "session.voice") -> Part:
    """Return the voice as the service echoes it, or raise Refusal; a bare name is a voice, too."""
    if isinstance(value, str):
        # Azure's names begin with a locale (en-US-AvaNeural); OpenAI's are bare words.
        value = {"type": "azure-standard" if "-" in value else "openai", "name": value}
    part = mapping(value, param)
    kind = part.get("type")
    if kind is None:
        fail(param, "Unable to extract tag using discriminator 'type'")
    if not isinstance(kind, str) or kind not in model.voice_types:
        allowed = ", ".join(sorted(model.voice_types))
        raise Refusal(
            "invalid_voice_type", f"Voice type '{kind}' is not supported by model {model.name}: use {allowed}.", param
        )
    if kind != "avatar-voice-sync":
        text(part.get("name"), f"{param}.name", empty=False)
    return part if kind in {"openai", "azure-realtime-native"} else {**AZURE_VOICE_UNSET, **part}


def _noise_reduction(value: object, _model: Model) -> Part | None:
    if value is None:
        return None
    part = mapping(value, "session.input_audio_noise_reduction")
    tag(part, ("azure_deep_noise_suppression", "near_field", "far_field"), "session.input_audio_noise_reduction")
    return part


def _echo_cancellation(value: object, _model: Model) -> Part | None:
    if value is None:
        return None
    param = "session.input_audio_echo_cancellation"
    part = mapping(value, param)
    tag(part, ("server_echo_cancellation",), param)
    result = {"type": part["type"], "reference_source": part.get("reference_source") or "server"}
    one_of(result["reference_source"], ("server", "client"), f"{param}.reference_source")
    channels = 1 if part.get("channels") is None else part["channels"]
    one_of(channels, (1, 2), f"{param}.channels")
    return result | {"channels": channels}


def _transcription(value: object, _model: Model) -> Part | None:
    if value is None:
        return None
    param = "session.input_audio_transcription"
    part = mapping(value, param)
    one_of(part.get("model"), _OPENAI_TRANSCRIBERS + _AZURE_TRANSCRIBERS, f"{param}.model")
    if part.get("phrase_list") and part["model"] not in _AZURE_TRANSCRIBERS:
        allowed = ", ".join(_AZURE_TRANSCRIBERS)
        fail(f"{param}.phrase_list", f"Value error, phrase_list is only supported for {allowed}")
    return {"model": part["model"], **_TRANSCRIPTION_UNSET, **part}


def tools(value: object, param: str = "session.tools") -> list[Part]:
    """Return the tools as the service echoes them, or raise Refusal."""
    result = []
    for index, entry in enumerate(listed(value, param)):
        at = f"{param}[{index}]"
        part = mapping(entry, at)
        kind = tag(part, ("function", "mcp", "foundry_agent"), at)
        text(part.get("server_label" if kind == "mcp" else "agent_name" if kind == "foundry_agent" else "name"), at)
        result.append(part)
    return result


def _tool_choice(value: object, _model: Model) -> str | Part:
    if value is None:
        return "auto"
    if isinstance(value, str):
        return value
    part = mapping(value, "session.tool_choice")
    tag(part, ("function",), "session.tool_choice")
    text(part.get("name"), "session.tool_choice.name")
    return part


def modalities(value: object, param: str = "session.modalities") -> list[str]:
    """Return the modalities in the order in which the service echoes them, or raise Refusal."""
    chosen = strings(value, param)
    for entry in chosen:
        one_of(entry, ("text", "audio", "animation", "avatar"), param)
    return sorted(set(chosen))


def _same_model(value: object, model: Model) -> str:
    if value not in (None, model.name, model.deployed_name):
        raise Refusal("invalid_model", f"The session runs {model.name}; it can't be changed.", "session.model")
    return model.deployed_name


def _max_tokens(value: object, _model: Model) -> object:
    if value != "inf":
        number(value, "session.max_response_output_tokens", 1, 100_000, whole=True)
    return "inf" if value is None else value


def _interim_response(value: object, model: Model) -> Part | None:
    if value is None:
        return None
    part = mapping(value, "session.interim_response")
    kinds = ("static_interim_response", "llm_interim_response", "static-interim-response", "llm-interim-response")
    tag(part, kinds, "session.interim_response")
    if model.realtime:
        raise Refusal(
            "invalid_request_error",
            f"interim_response is not supported by model {model.name}.",
            "session.interim_response",
        )
    return part


def _temperature(value: object, _model: Model) -> object:
    number(value, "session.temperature", 0, 2)
    return value


def _any(value: object, _model: Model) -> object:
    return value


_NULLABLE = {
    "turn_detection",
    "input_audio_noise_reduction",
    "input_audio_echo_cancellation",
    "input_audio_transcription",
    "animation",
    "avatar",
    "output_audio_timestamp_types",
    "interim_response",
    "include",
    "metadata",
}
_PARTS: dict[str, Callable[[Any, Model], Any]] = {
    "model": _same_model,
    "modalities": lambda value, _model: modalities(value),
    "voice": voice,
    "instructions": lambda value, _model: text(value or "", "session.instructions"),
    "input_audio_sampling_rate": lambda value, _model: value,
    "input_audio_format": lambda value, _model: one_of(value, INPUT_RATES_HZ, "session.input_audio_format"),
    "output_audio_format": lambda value, _model: one_of(value, OUTPUT_RATES_HZ, "session.output_audio_format"),
    "turn_detection": turn_detection.checked,
    "input_audio_noise_reduction": _noise_reduction,
    "input_audio_echo_cancellation": _echo_cancellation,
    "input_audio_transcription": _transcription,
    "output_audio_timestamp_types": _any,
    "tools": lambda value, _model: tools(value),
    "tool_choice": _tool_choice,
    "parallel_tool_calls": _any,
    "temperature": _temperature,
    "max_response_output_tokens": _max_tokens,
    "interim_response": _interim_response,
    # Accepted and echoed, without effect here.
    "animation": _any,
    "avatar": _any,
    "reasoning_effort": _any,
    "include": _any,
    "metadata": _any,
}
"""What a client may set; keys the service does not know are passed over."""
