"""Secret detection: keeps API keys out of the config file and out of messages about it."""

from __future__ import annotations

import re

KEY_NAMES = frozenset({"api_key", "apikey", "key", "subscription_key", "azure_voicelive_api_key"})
"""Config keys under which people write it, lower case with underscores."""

KEY_PLACES = (
    'the key must not be in this file; put it into the systemd credential "api-key", or into a file that '
    "service.api_key_file names, or into the environment variable AZURE_VOICELIVE_API_KEY"
)

_KEY = re.compile(r"\s*([0-9a-fA-F]{32}|[A-Za-z0-9]{84})\s*")
_LIKE_A_KEY = re.compile(r"[A-Za-z0-9]{32,}|[\w~.-]{3}8Q~[\w~.-]{31,34}")
"""Also a client secret of Microsoft Entra, whose fourth to sixth characters are 8Q~."""


def looks_like_a_key(text: str) -> bool:
    """Whether `text` has one of the two shapes Azure gives its keys."""
    return _KEY.fullmatch(text) is not None


def hide(text: str) -> str:
    """Return `text` with everything that may be a key redacted: messages about the file end up in logs and screenshots."""
    return _LIKE_A_KEY.sub("(hidden)", text)
