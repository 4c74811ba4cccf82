"""The events of a spoken turn's transcript (`input_audio_transcription`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_daemon.localservice.messages import Event, event
from device_daemon.localservice.model import Model

_KIND = "conversation.item.input_audio_transcription"


def transcription_events(
    wanted: Mapping[str, Any] | None, model: Model, item_id: str, transcript: str | None
) -> list[Event]:
    """Return the events of one transcript.

    Args:
        wanted: `session.input_audio_transcription`; without it there are no events.
        model: of the session: a realtime model streams the transcript.
        item_id: the turn.
        transcript: the text; None: recognition failed.
    """
    if not wanted:
        return []
    place = {"item_id": item_id, "content_index": 0}
    if transcript is None:
        failure = {"type": "server_error", "code": "transcription_failed", "message": "Speech recognition failed."}
        return [event(f"{_KIND}.failed", **place, error=failure)]
    # Measured by third parties: with azure-speech there is no delta.
    streams = model.realtime and wanted["model"] != "azure-speech"
    deltas = [event(f"{_KIND}.delta", **place, delta=transcript)] if streams else []
    return [*deltas, event(f"{_KIND}.completed", **place, transcript=transcript)]
