"""docs/events.schema.json: the JSON schema of a line of `subscribe`, from the types in device_daemon.device.events."""

from __future__ import annotations

import json
from typing import Final

import msgspec

from device_daemon.device.events import AnyEvent
from scripts import REPOSITORY

PATH: Final = REPOSITORY / "docs" / "events.schema.json"


def as_text() -> str:
    """Return the file's content."""
    title = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "An event of voicelive-speaker"}
    return json.dumps(title | msgspec.json.schema(AnyEvent), indent=2) + "\n"
