"""`session.turn_detection`: validation, what `session.updated` shows of it, and the VAD settings that follow.

Source of the defaults: recorded `session.updated` events and the API reference 2026-07-15.
"""

from __future__ import annotations

from typing import Any

from device_daemon.localservice.messages import Refusal
from device_daemon.localservice.model import Model
from device_daemon.localservice.vad import TurnSettings
from device_daemon.localservice.validation import fail, flag, mapping, number, one_of, tag

Part = dict[str, Any]

_SERVER_VAD: Part = {
    "threshold": 0.5,
    "prefix_padding_ms": 400,
    "silence_duration_ms": 500,
    "create_response": True,
    "interrupt_response": True,
    "idle_timeout_ms": None,
    "speech_duration_ms": None,
    "end_of_utterance_detection": None,
    "auto_truncate": False,
    "appended_text_after_truncation": None,
}
_AZURE_VAD: Part = {
    **_SERVER_VAD,
    "threshold": None,
    "prefix_padding_ms": None,
    "silence_duration_ms": None,
    "remove_filler_words": False,
    "languages": None,
}
_UNSET: dict[str, Part] = {
    "server_vad": _SERVER_VAD,
    "azure_semantic_vad": _AZURE_VAD,
    "azure_semantic_vad_en": _AZURE_VAD,
    "azure_semantic_vad_multilingual": _AZURE_VAD,
    "semantic_vad": {"eagerness": "auto", "create_response": True, "interrupt_response": True, "auto_truncate": False},
}
_EAGERNESS_SILENCE_MS = {"low": 900, "auto": 600, "medium": 600, "high": 300}
"""OpenAI's detector understands what is said; this one can only wait longer or shorter."""


def initial(model: Model) -> Part:
    """Return what a session has before the client's first `session.update`."""
    part = {"type": "server_vad", **_SERVER_VAD}
    return part | {"prefix_padding_ms": 300, "silence_duration_ms": 200} if model.openai else part


def checked(value: object, model: Model) -> Part | None:
    """Return `session.turn_detection` as `session.updated` shows it; None is push-to-talk. Raises Refusal."""
    if value is None:
        return None
    param = "session.turn_detection"
    part = mapping(value, param)
    kind = tag(part, _UNSET, param)
    if kind == "semantic_vad" and not model.openai:
        fail(f"{param}.type", f"semantic_vad is not supported by model {model.name}")
    result = {"type": kind, **_UNSET[kind], **part}
    for key in ("prefix_padding_ms", "silence_duration_ms", "speech_duration_ms"):
        number(result.get(key), f"{param}.{key}", 0, 60_000, integer=True)
    number(result.get("speech_duration_assistant_speaking_ms"), f"{param}.speech_duration_assistant_speaking_ms", 0)
    number(result.get("threshold"), f"{param}.threshold", 0, 1)
    for key in ("create_response", "interrupt_response", "auto_truncate"):
        result[key] = flag(result[key], f"{param}.{key}")
    if result["auto_truncate"] and not result["interrupt_response"]:
        fail(f"{param}.auto_truncate", "Value error, auto_truncate requires interrupt_response")
    result["end_of_utterance_detection"] = _end_of_utterance(result.get("end_of_utterance_detection"), model)
    if kind == "semantic_vad":
        one_of(result["eagerness"], ("auto", "low", "medium", "high"), f"{param}.eagerness")
        del result["end_of_utterance_detection"]
    return result


def _end_of_utterance(value: object, model: Model) -> Part | None:
    if value is None:
        return None
    param = "session.turn_detection.end_of_utterance_detection"
    part = mapping(value, param)
    kinds = ("semantic_detection_v1", "semantic_detection_v1_en", "semantic_detection_v1_multilingual")
    if model.realtime:
        raise Refusal("invalid_request_error", f"{param} is not supported by model {model.name}.", param)
    tag(part, kinds, param, key="model")
    one_of(part.get("threshold_level", "default"), ("low", "medium", "high", "default"), f"{param}.threshold_level")
    unset = {"threshold": None, "threshold_level": "default", "timeout": None, "timeout_ms": None}
    return {"model": part["model"], **unset, **part}


def effective(part: Part | None) -> TurnSettings | None:
    """Return the settings of the detector: a null in the session object stands for the documented default."""
    if part is None:
        return None
    if part["type"] == "semantic_vad":
        return TurnSettings(silence_duration_ms=_EAGERNESS_SILENCE_MS[part["eagerness"]])
    azure = part["type"] != "server_vad"
    speech_ms = _given(part, "speech_duration_ms", 80 if azure else 200)
    return TurnSettings(
        threshold=float(_given(part, "threshold", 0.5)),
        prefix_padding_ms=int(_given(part, "prefix_padding_ms", 420 if azure else 400)),
        silence_duration_ms=int(_given(part, "silence_duration_ms", 500)),
        speech_duration_ms=int(speech_ms),
        speech_duration_assistant_speaking_ms=int(_given(part, "speech_duration_assistant_speaking_ms", speech_ms)),
    )


def _given(part: Part, key: str, default: float) -> float:
    value = part.get(key)
    return default if value is None else value
