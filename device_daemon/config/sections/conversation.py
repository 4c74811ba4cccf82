"""The sections `conversation`, `greetings` and `limits`: what is said first, how a conversation ends, how many there may be."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from device_daemon.config.sections.value_types import IN_SECONDS, Seconds, Text


class ConversationLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """When a conversation ends by itself, and whether people may interrupt the speaker (barge-in)."""

    idle_timeout_s: Seconds = 30.0
    """End the conversation after neither side spoke for so many seconds."""
    max_duration_s: Seconds = 900.0
    """End the conversation after so many seconds in any case."""
    interruptible: bool = True
    """Whether people may interrupt the speaker by talking (barge-in)."""
    resume_after_false_interruption: bool = True
    """Whether an answer goes on where it stopped after a cough, a door or a "mhm" interrupted it (false barge-in)."""
    continue_for_s: Annotated[float, Meta(ge=0, le=86_400, extra=IN_SECONDS)] = 0.0
    """A press within so many seconds goes on where the last conversation stopped, without a greeting; 0: never."""


class Greeting(Struct, frozen=True, forbid_unknown_fields=True):
    """What the speaker says first: exactly one of `say`, `say_one_of`, `ask_model`."""

    say: Text | None = None
    """Say this, word for word; placeholders such as {daypart} are filled in."""
    say_one_of: Annotated[list[Text], Meta(min_length=1)] | None = None
    """Say one of these, never the same twice in a row."""
    ask_model: Text | None = None
    """Have the model create the greeting from this instruction."""
    interruptible: bool = True
    """Whether people may interrupt this greeting by talking."""
    voice: Text | None = None
    """The voice of this greeting, if not that of the service."""
    cache: bool = True
    """Keep the synthesised greeting and play it at once the next time; false: the service speaks it each time."""


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """How much the voice service may be used: what is asked for beyond that is refused, with a notice."""

    minutes_per_day: Annotated[float, Meta(ge=1, le=1_440)] | None = None
    """Minutes of conversation from midnight to midnight; no limit if left out."""
    conversations_per_hour: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    """Conversations and announcements within any hour; no limit if left out."""
