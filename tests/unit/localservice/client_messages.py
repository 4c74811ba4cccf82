"""What a client of the local service sends, and a voice that needs no espeak-ng."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

Json = dict[str, Any]

UPDATE: Json = {"type": "session.update", "session": {"modalities": ["text", "audio"]}}
CREATE: Json = {"type": "response.create"}
WORD_MS = 100


def speech(duration_ms: int, rate_hz: int = 24_000, level: float = 6_000.0) -> bytes:
    """Return pcm that is loud throughout."""
    time_s = np.arange(rate_hz * duration_ms // 1000) / rate_hz
    return (level * np.sin(2 * np.pi * 300 * time_s)).astype("<i2").tobytes()


def silence(duration_ms: int, rate_hz: int = 24_000) -> bytes:
    """Return pcm of nothing."""
    return bytes(2 * (rate_hz * duration_ms // 1000))


def append(pcm: bytes) -> Json:
    """Return the message that appends sound."""
    return {"type": "input_audio_buffer.append", "audio": base64.b64encode(pcm).decode()}


def given(text: str) -> Json:
    """Return the message that asks for a greeting in these words."""
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": text}]}
    return {"type": "response.create", "response": {"pre_generated_assistant_message": message}}


def typed(text: str, role: str = "user") -> Json:
    """Return the message that adds a typed item."""
    content = [{"type": "input_text", "text": text}]
    return {"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": content}}


async def speak(text: str, *, voice: str = "en", words_per_minute: int = 165) -> bytes:
    """A voice that needs no espeak-ng: 100 ms a word."""
    assert voice
    assert words_per_minute
    return speech(WORD_MS * len(text.split()))
