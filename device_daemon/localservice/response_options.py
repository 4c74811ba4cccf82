"""The options of one response: the session's settings, where `response.create` does not say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from device_daemon.localservice import session_fields
from device_daemon.localservice.audio_formats import OUTPUT_RATES_HZ
from device_daemon.localservice.model import Model
from device_daemon.localservice.validation import one_of

Json = Mapping[str, Any]


class ResponseOptions(Struct, frozen=True):
    """How one response is made."""

    modalities: list[str]
    voice: dict[str, Any]
    output_audio_format: str
    max_output_tokens: int | str | None = "inf"
    temperature: float | None = None
    metadata: dict[str, str] | None = None
    timestamps: bool = False
    """Whether the times of words are sent."""
    visemes: bool = False
    """Whether mouth shapes are sent."""
    in_conversation: bool = True
    """Whether the response becomes part of the conversation (not with `conversation: "none"`)."""

    @property
    def speaks(self) -> bool:
        """Whether the response has audio."""
        return "audio" in self.modalities


def options_of(session: Json, wanted: Json, model: Model) -> ResponseOptions:
    """Return the options of a response.

    Args:
        session: the session's settings.
        wanted: the `response` of a `response.create`.
        model: the session's model.

    Raises:
        Refusal: one of them is not valid.
    """
    chosen = {**session, **{key: value for key, value in wanted.items() if value is not None}}
    modalities, voice, audio = chosen["modalities"], chosen["voice"], chosen["output_audio_format"]
    if wanted.get("modalities"):
        modalities = session_fields.modalities(modalities, "response.modalities")
    if wanted.get("voice"):
        voice = session_fields.voice(voice, model, "response.voice")
    if wanted.get("tools"):
        session_fields.tools(wanted["tools"], "response.tools")
    return ResponseOptions(
        modalities=modalities,
        voice=voice,
        output_audio_format=one_of(audio, OUTPUT_RATES_HZ, "response.output_audio_format"),
        max_output_tokens=wanted.get("max_output_tokens") or ("inf" if model.realtime else None),
        temperature=wanted.get("temperature") or (None if model.realtime else session.get("temperature")),
        metadata=wanted.get("metadata"),
        timestamps=bool(session["output_audio_timestamp_types"]),
        visemes="viseme_id" in ((session["animation"] or {}).get("outputs") or []),
        in_conversation=wanted.get("conversation") != "none",
    )
