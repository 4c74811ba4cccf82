"""Redaction of secrets and transcripts in texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from device_daemon.config.api_key import hide

HIDDEN: Final = "(hidden)"

_TOKEN: Final = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?")
"""A JSON web token, as Microsoft Entra issues them."""
_BEARER: Final = re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE)
_PASSWORD_IN_URL: Final = re.compile(r"(?<=://)[^\s/@]+@")
_NAMED: Final = re.compile(
    r"""(?P<name>["']?[\w.-]*(?:key|token|secret|password|passwd|psk|pwd|signature|\bsig)["']?\s*[:=]\s*)"""
    r"""(?P<value>"[^"]*"|'[^']*'|[^\s,;&}\]]+)""",
    re.IGNORECASE,
)
_SPOKEN: Final = re.compile(r"(?P<head>\]: |^\d\d:\d\d:\d\d \w+ )(?P<who>user|assistant): .*$", re.MULTILINE)
"""A transcript in the log (privacy.log_transcripts)."""
_SHORTEST_SECRET: Final = 4


def mask(text: str, secrets: Collection[str] = ()) -> str:
    """Return `text` with `secrets`, transcripts and everything that looks like a key, token or password redacted."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    text = _PASSWORD_IN_URL.sub(f"{HIDDEN}@", text)
    text = _TOKEN.sub(HIDDEN, text)
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _NAMED.sub(rf"\g<name>{HIDDEN}", text)
    text = _SPOKEN.sub(rf"\g<head>\g<who>: {HIDDEN}", text)
    return hide(text)
