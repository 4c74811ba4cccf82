"""The types of single values that several sections of the config share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta

from device_daemon.config import times
from device_daemon.config.tool_names import TOOL_NAME, guess_tool_name

NO_GREETING = "none"
"""A trigger names it to listen at once; no greeting can have this name."""
SERVICE_ASSISTANT = "service"
"""The assistant that the section `service` describes; no other one can have this name."""

Text = Annotated[str, Meta(pattern=r"\S")]
Pin = Annotated[int, Meta(ge=0, le=53, description="GPIO number (BCM numbering, not the header position)")]
Percent = Annotated[int, Meta(ge=0, le=100)]
IN_SECONDS: dict[str, Any] = {"unit": "s"}
IN_MS: dict[str, Any] = {"unit": "ms"}
"""Marks of durations, which may be written with a unit."""
Seconds = Annotated[float, Meta(ge=0.1, le=86_400, extra=IN_SECONDS)]


def _form(pattern: str, allowed: str, guess: Callable[[str], str | None]) -> Meta:
    """Text of one form: what is said of another one, and what its writer probably meant."""
    return Meta(pattern=pattern, extra={"allowed": allowed, "guess": guess})


TimeOfDay = Annotated[str, _form(times.TIME_OF_DAY, times.TIME_ALLOWED, times.guess_time)]
Span = Annotated[str, _form(times.SPAN, times.SPAN_ALLOWED, times.guess_span)]
Weekdays = Annotated[str, _form(times.WEEKDAYS, times.WEEKDAYS_ALLOWED, times.guess_weekdays)]
ToolName = Annotated[str, _form(TOOL_NAME, "letters, digits, '_' and '-', at most 64", guess_tool_name)]
