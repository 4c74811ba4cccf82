"""Text to speech of the local service: espeak-ng, sentence by sentence, with a cache; without espeak-ng, tones."""

from __future__ import annotations

import hashlib
import logging
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import numpy as np

from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from device_daemon.audio.voice import speak
from device_daemon.errors import VoiceMissing

logger = logging.getLogger(__name__)

Speak = Callable[..., Awaitable[bytes]]

_WORDS_PER_MINUTE = 165
_CACHE_BYTES = 16 * 1024 * 1024
_PAUSE = bytes(SAMPLE_RATE_HZ * 2 * 200 // 1000)
_SENTENCE_ENDS = re.compile(r"(?<=[.!?:])\s+")
_TONE_MS = 140


class Voice:
    """Speaks text as pcm (24 kHz, mono, 16 bit). A cache of 16 MiB, least recently used out, keeps what was spoken."""

    def __init__(self, speak_text: Speak = speak) -> None:
        self._speak = speak_text
        self._cache: OrderedDict[tuple[str, str, int], bytes] = OrderedDict()
        self._cache_bytes = 0
        self._missing = False

    async def sentences(self, text: str, voice: Mapping[str, Any]) -> AsyncIterator[tuple[str, bytes]]:
        """Yield each sentence with its pcm, so that the first is ready before the last is made.

        Args:
            text: one or more sentences.
            voice: the session's: its locale chooses the language, its rate the pace.
        """
        language, words_per_minute = espeak_voice(voice), _words_per_minute(voice)
        sentences = [part for part in _SENTENCE_ENDS.split(text.strip()) if part]
        for index, sentence in enumerate(sentences):
            pcm = await self._sentence(sentence, language, words_per_minute)
            yield sentence, pcm if index == len(sentences) - 1 else pcm + _PAUSE

    async def _sentence(self, sentence: str, language: str, words_per_minute: int) -> bytes:
        key = (sentence, language, words_per_minute)
        pcm = self._cache.pop(key, None)
        if pcm is None:
            pcm = await self._synthesized(sentence, language, words_per_minute)
            self._cache_bytes += len(pcm)
        self._cache[key] = pcm
        while self._cache_bytes > _CACHE_BYTES:
            self._cache_bytes -= len(self._cache.popitem(last=False)[1])
        return pcm

    async def _synthesized(self, sentence: str, language: str, words_per_minute: int) -> bytes:
        for known in (language, "en"):
            if self._missing:
                break
            try:
                return await self._speak(sentence, voice=known, words_per_minute=words_per_minute)
            except VoiceMissing as error:
                # A language that espeak-ng does not have is spoken in English.
                self._missing = known == "en"
                logger.warning("%s; the local service goes on with %s", error, "tones" if self._missing else "English")
        return tones(sentence)


def espeak_voice(voice: Mapping[str, Any]) -> str:
    """Return the espeak-ng voice for the language of a session's voice: `de` for de-DE-KatjaNeural."""
    name = str(voice.get("locale") or voice.get("name") or "")
    match = re.match(r"([a-z]{2,3})-[A-Za-z]{2}\b", name)
    if match is None:
        return "en"
    return {"zh": "cmn", "nb": "nb", "fil": "en"}.get(match[1], match[1])


def _words_per_minute(voice: Mapping[str, Any]) -> int:
    """Return the pace for a voice's `rate`: a factor such as "1.2", or a percentage such as "+20%"."""
    match = re.fullmatch(r"([+-]?\d+(?:\.\d+)?)(%?)", str(voice.get("rate") or "1").strip())
    if match is None:
        return _WORDS_PER_MINUTE
    factor = 1 + float(match[1]) / 100 if match[2] else float(match[1])
    return round(_WORDS_PER_MINUTE * min(max(factor, 0.5), 2.0))


def tones(sentence: str) -> bytes:
    """Return one short tone for each word, always the same for the same word."""
    frames = SAMPLE_RATE_HZ * _TONE_MS // 1000
    time_s = np.arange(frames) / SAMPLE_RATE_HZ
    swell = np.sin(np.pi * np.arange(frames) / frames) ** 2
    words = []
    for word in sentence.split():
        step = hashlib.sha256(word.encode()).digest()[0] % 12
        words.append(6_000 * swell * np.sin(2 * np.pi * 220 * 2 ** (step / 12) * time_s))
    return np.concatenate(words).astype("<i2").tobytes() if words else b""
