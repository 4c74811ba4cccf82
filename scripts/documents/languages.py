"""The table of languages in the documents: tags, the service's voice, espeak-ng's voice."""

from __future__ import annotations

from typing import get_args

from device_daemon.language.locales import LOCALES, Tag, speech_locale, turn_detection, with_region


def as_markdown() -> str:
    """Return one row for each locale."""
    rows = ["| `language` | Voice of the service | Turn detection | Notices |", "| --- | --- | --- | --- |"]
    for tag in LOCALES:
        names = ", ".join(f"`{known}`" for known in (tag, *get_args(Tag)) if known == tag or _short_for(known, tag))
        detection = turn_detection(tag)
        hint = "".join(f", `{language}`" for language in detection.get("languages", ()))
        locale = speech_locale(tag)
        rows.append(f"| {names} | `{locale.voice}` | `{detection['type']}`{hint} | espeak-ng `{locale.espeak_voice}` |")
    return "\n".join(rows)


def _short_for(known: str, tag: str) -> bool:
    return "-" not in known and with_region(known) == tag
