"""The opening of a conversation: a greeting with its placeholders filled in, or an announcement.

Pure: the time, the host name, the random choice and the choice of the last time are passed in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from device_daemon.config.placeholders import REMEMBERED
from device_daemon.config.settings import Greeting
from device_daemon.language.language import Language


class Opening(Struct, frozen=True):
    """The first words of one conversation, ready to be asked for."""

    name: str
    """As the config calls the greeting; "say" for an announcement."""
    text: str
    """Spoken word for word or, with `ask_model`, the instruction to the model."""
    ask_model: bool = False
    interruptible: bool = True
    voice: str | None = None
    announcement: bool = False
    """Only these words: the microphone stays closed, and the conversation ends when they were heard."""
    pcm: bytes = b""
    """Its sound from the cache, 24 kHz mono S16LE; empty if the service is to speak it."""
    cacheable: bool = False
    """The sound that the service makes of it is to be cached."""


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return the template with its placeholders replaced; {{ and }} stand for braces.

    While nobody told their name, the comma and the space before it go too: "Good evening, {name}!" is "Good evening!".
    """
    for name in (name for name in REMEMBERED if values.get(name) == ""):
        without = re.sub(rf",? *(?<!\{{)\{{{name}\}}(?!\}})", "", template)
        template = template if without == template else without.lstrip(", ")
    return template.format_map(values)


def values(
    now: datetime, hostname: str, last: datetime | None, names: Mapping[str, str], language: Language
) -> dict[str, str]:
    """Return the value of each placeholder at this moment; `last` is the end of the conversation before."""
    return {
        **language.placeholders(now),
        "hostname": hostname,
        "since_last": language.span((now - last).total_seconds() if last else None),
        "welcome": language.welcome,
        **names,
    }


def compose(
    name: str,
    greeting: Greeting,
    values: Mapping[str, str],
    last_template: str | None,
    choose: Callable[[Sequence[str]], str],
) -> tuple[Opening, str]:
    """Fill in a greeting of the config.

    Args:
        name: As the config calls the greeting.
        greeting: What the config says about it.
        values: The value of each placeholder.
        last_template: The template that was used the last time; `choose` gets it only where there is no other.
        choose: Picks one template of `say_one_of`.

    Returns:
        The opening, and the template it was made from: the next `last_template`.
    """
    if greeting.say_one_of is not None:
        others = [text for text in greeting.say_one_of if text != last_template]
        template = choose(others or greeting.say_one_of)
    else:
        template = greeting.say or greeting.ask_model or ""
    opening = Opening(
        name=name,
        text=fill(template, values),
        ask_model=greeting.ask_model is not None,
        interruptible=greeting.interruptible,
        voice=greeting.voice,
    )
    return opening, template
