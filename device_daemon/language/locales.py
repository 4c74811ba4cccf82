"""The locales this version knows (BCP 47 tags), with the voice and the hints for the service of each. A table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct

Tag = Literal[
    "de-DE", "de-AT", "de-CH", "de",
    "en-US", "en-AU", "en-CA", "en-GB", "en-IE", "en-IN", "en",
    "es-ES", "es-MX", "es",
    "fr-FR", "fr-BE", "fr-CA", "fr-CH", "fr",
    "it-IT", "it",
    "ja-JP", "ja",
    "nl-NL", "nl-BE", "nl",
    "pl-PL", "pl",
    "pt-PT", "pt-BR", "pt",
]  # fmt: skip
"""A language alone stands for its first region here, pt for Brazil (as in CLDR)."""


class SpeechLocale(Struct, frozen=True):
    """How one locale is spoken."""

    voice: str
    """The service's voice, where the config names none."""
    espeak_voice: str
    """The voice of espeak-ng, which speaks the notices."""


LOCALES: Final[Mapping[str, SpeechLocale]] = {
    "de-DE": SpeechLocale("de-DE-Seraphina:DragonHDLatestNeural", "de"),
    "de-AT": SpeechLocale("de-AT-IngridNeural", "de"),
    "de-CH": SpeechLocale("de-CH-LeniNeural", "de"),
    "en-US": SpeechLocale("en-US-Ava:DragonHDLatestNeural", "en-us"),
    "en-AU": SpeechLocale("en-AU-NatashaNeural", "en-gb"),
    "en-CA": SpeechLocale("en-CA-ClaraNeural", "en-us"),
    "en-GB": SpeechLocale("en-GB-SoniaNeural", "en-gb"),
    "en-IE": SpeechLocale("en-IE-EmilyNeural", "en-gb"),
    "en-IN": SpeechLocale("en-IN-NeerjaNeural", "en-gb"),
    "es-ES": SpeechLocale("es-ES-Ximena:DragonHDLatestNeural", "es"),
    "es-MX": SpeechLocale("es-MX-DaliaNeural", "es-419"),
    "fr-FR": SpeechLocale("fr-FR-Vivienne:DragonHDLatestNeural", "fr-fr"),
    "fr-BE": SpeechLocale("fr-BE-CharlineNeural", "fr-be"),
    "fr-CA": SpeechLocale("fr-CA-SylvieNeural", "fr-fr"),
    "fr-CH": SpeechLocale("fr-CH-ArianeNeural", "fr-ch"),
    "it-IT": SpeechLocale("it-IT-IsabellaNeural", "it"),
    "ja-JP": SpeechLocale("ja-JP-Nanami:DragonHDLatestNeural", "ja"),
    "nl-NL": SpeechLocale("nl-NL-FennaNeural", "nl"),
    "nl-BE": SpeechLocale("nl-BE-DenaNeural", "nl"),
    "pl-PL": SpeechLocale("pl-PL-ZofiaNeural", "pl"),
    "pt-PT": SpeechLocale("pt-PT-RaquelNeural", "pt"),
    "pt-BR": SpeechLocale("pt-BR-FranciscaNeural", "pt-br"),
}
"""The first of a language is that of its bare name, but for pt."""

UNSET: Final = SpeechLocale(LOCALES["en-US"].voice, "en")
"""Where the config names no language: English, and no hint to the service."""

_VAD_LANGUAGES: Final = frozenset({"de", "es", "fr", "it", "ja", "pt"})
"""Of ours, what azure_semantic_vad_multilingual is documented for ("How to use the Voice Live API"), besides English."""


def with_region(tag: str) -> str:
    """Return the locale that a tag stands for: de-DE for de."""
    if tag in LOCALES:
        return tag
    return "pt-BR" if tag == "pt" else next(known for known in LOCALES if known.startswith(f"{tag}-"))


def speech_locale(tag: str | None) -> SpeechLocale:
    """Return how a locale is spoken; `UNSET` for None."""
    return LOCALES[with_region(tag)] if tag else UNSET


def turn_detection(tag: str | None) -> dict[str, Any]:
    """Return the turn detection (VAD) for a language, where the config names none."""
    language = (tag or "en").partition("-")[0]
    if language == "en":
        return {"type": "azure_semantic_vad"}  # it "primarily supports English"
    hint = {"languages": [language]} if language in _VAD_LANGUAGES else {}
    return {"type": "azure_semantic_vad_multilingual"} | hint
