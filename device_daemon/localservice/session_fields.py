"""The fields of a session: validation of each, and what `session.updated` shows of it. Each raises Refusal.

Sources: the SDK's RequestSession and its parts, the API reference 2026-07-15, and recorded `session.updated` events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from device_daemon.localservice import turn_detection
from device_daemon.localservice.audio_formats import OUTPUT_RATES_HZ
from device_daemon.localservice.messages import Refusal
from device_daemon.localservice.model import AZURE_VOICE_UNSET, Model
from device_daemon.localservice.validation import fail, listed, mapping, number, one_of, strings, tag, text

Part = dict[str, Any]

INPUT_RATES_HZ = {"pcm16": (8_000, 16_000, 24_000, 44_100), "g711_ulaw": (8_000,), "g711_alaw": (8_000,)}
"""The values of `input_audio_sampling_rate` for each `input_audio_format`; 44 100 from the SDK's live tests."""

_OPENAI_TRANSCRIBERS = ("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize")
_AZURE_TRANSCRIBERS = ("azure-speech", "mai-transcribe-1", "mai-transcribe-1.5", "mai-transcribe", "mai-transcribe-2")
TRANSCRIPTION_UNSET: Part = {"language": None, "prompt": None, "custom_speech": None, "phrase_list": None}
_MAX_METADATA = 16
"""Pairs of `metadata`, as in OpenAI's API, which the field is taken from."""


def voice(value: object, model: Model, param: str = "session.voice") -> Part:
    """Return the voice as `session.updated` shows it; a bare name is a voice, too. Raises Refusal."""
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
    return {"model": part["model"], **TRANSCRIPTION_UNSET, **part}


def tools(value: object, param: str = "session.tools") -> list[Part]:
    """Return the tools as `session.updated` shows them. Raises Refusal."""
    result = []
    for index, entry in enumerate(listed(value, param)):
        at = f"{param}[{index}]"
        part = mapping(entry, at)
        kind = tag(part, ("function", "mcp", "foundry_agent"), at)
        text(part.get("server_label" if kind == "mcp" else "agent_name" if kind == "foundry_agent" else "name"), at)
        if kind == "mcp":
            _check_mcp_server(part, at)
        result.append(part)
    return result


def _check_mcp_server(part: Part, param: str) -> None:
    text(part.get("server_url"), f"{param}.server_url")
    if part.get("allowed_tools") is not None:
        strings(part["allowed_tools"], f"{param}.allowed_tools")
    rule = part.get("require_approval")
    if isinstance(rule, Mapping):
        for name, names in rule.items():
            one_of(name, ("never", "always"), f"{param}.require_approval")
            strings(names, f"{param}.require_approval.{name}")
    elif rule is not None:
        one_of(rule, ("never", "always"), f"{param}.require_approval")


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
    """Return the modalities in the order in which `session.updated` shows them. Raises Refusal."""
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
        number(value, "session.max_response_output_tokens", 1, 100_000, integer=True)
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


def _metadata(value: object, _model: Model) -> Part | None:
    if value is None:
        return None
    part = mapping(value, "session.metadata")
    if len(part) > _MAX_METADATA:
        fail("session.metadata", f"Dictionary should have at most {_MAX_METADATA} items after validation")
    for name, entry in part.items():
        text(entry, f"session.metadata.{name}")
    return part


def _animation(value: object, _model: Model) -> Part | None:
    if value is None:
        return None
    part = mapping(value, "session.animation")
    if part.get("outputs") is not None:
        for output in strings(part["outputs"], "session.animation.outputs"):
            one_of(output, ("blendshapes", "viseme_id"), "session.animation.outputs")
    return part


def _any(value: object, _model: Model) -> object:
    return value


NULLABLE = {
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
FIELDS: dict[str, Callable[[Any, Model], Any]] = {
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
    "animation": _animation,
    # Accepted and shown, without effect here.
    "avatar": _any,
    "reasoning_effort": _any,
    "include": _any,
    "metadata": _metadata,
}
"""What a client may set; other keys are ignored."""
