"""The model of a session: its family, which voices it has, and in which order its events come."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

_AZURE_VOICES = frozenset(
    {"azure-standard", "azure-platform", "azure-custom", "custom", "azure-personal", "avatar-voice-sync"}
)

AZURE_VOICE_UNSET: dict[str, Any] = {
    "temperature": None,
    "custom_lexicon_url": None,
    "custom_text_normalization_url": None,
    "prefer_locales": None,
    "locale": None,
    "style": None,
    "pitch": None,
    "rate": None,
    "volume": None,
}
"""The service echoes an Azure voice with every field it could have had."""


class Model(Struct, frozen=True):
    """The model a client connected with.

    A realtime model takes and makes audio by itself; a cascade (any other name, such as gpt-4o) has speech recognition
    in front and text to speech behind, so it sends the transcript of a turn before it answers.
    """

    name: str
    agent: bool = False

    @property
    def realtime(self) -> bool:
        """Whether the model takes audio without speech recognition."""
        return not self.agent and "realtime" in self.name

    @property
    def openai(self) -> bool:
        """Whether it is one of OpenAI's realtime models: they alone have OpenAI's voices and semantic_vad."""
        return self.realtime and self.name.startswith("gpt-")

    @property
    def deployed_name(self) -> str:
        """Return the name the session shows: for OpenAI's realtime models that of the deployment."""
        return f"{self.name}-global-standard" if self.openai else self.name

    @property
    def voice_types(self) -> frozenset[str]:
        """The voice types this model can speak with."""
        if self.name == "azure-realtime":
            return frozenset({"azure-realtime-native"})
        return _AZURE_VOICES | {"openai"} if self.openai else _AZURE_VOICES

    @property
    def default_voice(self) -> dict[str, Any]:
        """The voice of a session whose client asked for none."""
        if self.name == "azure-realtime":
            return {"name": "ava", "type": "azure-realtime-native"}
        if self.openai:
            return {"name": "alloy", "type": "openai"}
        return {"name": "en-US-AvaNeural", "type": "azure-standard", **AZURE_VOICE_UNSET}
