"""Expands the greetings of a config into every text they can say, so that these are synthesised in advance. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from msgspec import Struct

from device_daemon.config.placeholders import placeholders
from device_daemon.config.settings import Config, Greeting
from device_daemon.greetings.opening import fill
from device_daemon.language.language import Language

MAX_VARIANTS = 32
"""Texts of an assistant; a template with many variants must not crowd out the rest."""
_UNPREDICTABLE = frozenset({"time", "date", "since_last"})
"""Placeholders whose value hardly ever comes twice."""


class Variant(Struct, frozen=True):
    """One text that a greeting can say."""

    greeting: str
    text: str
    voice: str | None
    """The greeting's own voice, None for that of the service."""


def is_cacheable(template: str) -> bool:
    """Return whether what the template says can come again word for word."""
    return _UNPREDICTABLE.isdisjoint(placeholders(template))


def press_only(config: Config) -> list[str]:
    """Return the greetings that the config lets people talk over, though from the cache only a press interrupts them.

    A service that cancels the echo knows only the sound that it sent itself.
    """
    if config.audio.echo.setting != "service" or not config.conversation.interruptible:
        return []
    return [
        name
        for name, greeting in config.greetings.items()
        if greeting.cache and greeting.interruptible and any(map(is_cacheable, _templates(greeting)))
    ]


def _templates(greeting: Greeting) -> list[str]:
    """Return the texts that a greeting says word for word."""
    return greeting.say_one_of or ([greeting.say] if greeting.say else [])


def greetings_by_assistant(config: Config) -> dict[str, dict[str, Greeting]]:
    """Return for each assistant the greetings that its triggers name; those that none names are the default one's."""
    said = {(trigger.assistant, trigger.greeting) for trigger in config.triggers}
    named = {greeting for _, greeting in said}
    said |= {(config.default_assistant, name) for name in config.greetings if name not in named}
    assistants = dict.fromkeys([config.default_assistant, *(trigger.assistant for trigger in config.triggers)])
    return {
        assistant: {name: greeting for name, greeting in config.greetings.items() if (assistant, name) in said}
        for assistant in assistants
    }


def variants(
    greetings: Mapping[str, Greeting], names: Mapping[str, str], hostname: str, language: Language
) -> list[Variant]:
    """Return every text that can be synthesised in advance, at most `MAX_VARIANTS`.

    Args:
        greetings: The config's greetings by name.
        names: The config's own placeholders and their values.
        hostname: The value of {hostname}.
        language: The language of weekdays and salutations.

    Returns:
        Each text once; those of the templates with the fewest variants come first.
    """
    constants = {"hostname": hostname, "welcome": language.welcome, **names}
    varying = {name: values for name, values in language.varying().items() if name not in constants}
    per_template = [
        [Variant(name, text, greeting.voice) for text in _texts(template, constants, varying)]
        for name, greeting in greetings.items()
        if greeting.cache
        for template in _templates(greeting)
        if is_cacheable(template)
    ]
    fewest_first = [variant for variants in sorted(per_template, key=len) for variant in variants]
    return list(dict.fromkeys(fewest_first))[:MAX_VARIANTS]


def _texts(template: str, constants: Mapping[str, str], varying: Mapping[str, Sequence[str]]) -> Iterator[str]:
    names = [name for name in varying if name in placeholders(template)]
    for values in product(*(varying[name] for name in names)):
        yield fill(template, {**constants, **dict(zip(names, values, strict=True))})
