"""How much the voice service was used, as the state file keeps it. `conversation.budget` has the rules."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field


class Usage(Struct):
    """Conversations and announcements: each is a session with the service."""

    day: str = ""
    """The local date that `talked_s` and `held` are about, such as 2026-11-29."""
    talked_s: Annotated[float, Meta(ge=0)] = 0.0
    held: Annotated[int, Meta(ge=0)] = 0
    """How many began on that day."""
    began: list[float] = field(default_factory=list)
    """When those of the last hour began (Unix time)."""
