"""Resolves the opening of a conversation: the greeting of its trigger, with its sound if that is cached."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Callable, Mapping
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from device_daemon.audio.echo.modes import EchoMode, EchoPort, FixedEchoMode
from device_daemon.config.placeholders import REMEMBERED
from device_daemon.config.settings import SERVICE_ASSISTANT, Config, Greeting
from device_daemon.greetings import opening as greetings
from device_daemon.greetings.cache import GreetingCache, Rendition, rendition_for
from device_daemon.greetings.opening import Opening
from device_daemon.greetings.variants import greetings_by_assistant, is_cacheable, variants
from device_daemon.language.language import language_for
from device_daemon.system.saved_state import SavedState

DISK_DEADLINE_S = 0.1
"""A press does not wait longer for a cached greeting that has to be read from disk: the service speaks it."""


def ignore_outcome(_why_not: str | None) -> None:
    """The default of `on_said`: nobody waits for it."""


class ConversationRequest(Struct, frozen=True):
    """A request to open a conversation. All times are time.monotonic."""

    trigger: str
    """As the journal and `status` name it."""
    greeting: str
    """Its name in the config, or "none"."""
    pressed_s: float
    """When it was made; latencies count from here."""
    text: str = ""
    """To be said word for word instead of a greeting."""
    listens: bool = True
    """False for an announcement: the microphone stays closed."""
    held_from_s: float | None = None
    """A push-to-talk button is held, since then."""
    heard_from_s: float | None = None
    """Microphone sound from then on is for the service: what a person says right after a wake word."""
    expires_s: float | None = None
    """The conversation is not to begin later than that."""
    assistant: str = SERVICE_ASSISTANT
    """Who answers, as the config calls it."""
    continues: bool = False
    """It may go on where the last conversation stopped, and then has no greeting."""
    asked: bool = True
    """A person waits for it; otherwise no notice is spoken about what failed before the first word."""
    on_said: Callable[[str | None], None] = ignore_outcome
    """Called, perhaps more than once, with None when its first words were heard, or with why they were not; the first call
    counts."""


class GreetingResolver:
    """Knows the config's greetings, which texts were used last, and the cache."""

    def __init__(
        self,
        config: Config,
        saved_state: SavedState,
        cache: GreetingCache,
        *,
        echo: EchoPort | None = None,
        disk_deadline_s: float = DISK_DEADLINE_S,
    ) -> None:
        self._config = config
        self._saved_state = saved_state
        self._cache = cache
        self._echo = echo or FixedEchoMode()
        self._disk_deadline_s = disk_deadline_s

    async def opening(self, request: ConversationRequest) -> Opening | None:
        """Return the first words of a conversation, None if it has none."""
        if request.text:
            return Opening("say", request.text, interruptible=request.listens, announcement=not request.listens)
        greeting = self._config.greetings.get(request.greeting)
        if greeting is None:
            return None
        state = self._saved_state.remembered
        values = greetings.values(
            datetime.now().astimezone(),
            socket.gethostname(),
            state.last_conversation_at,
            self._names(),
            language_for(self._config.of(request.assistant).language),
        )
        last = state.last_templates.get(request.greeting)
        opening, template = greetings.compose(request.greeting, greeting, values, last, random.choice)
        if greeting.say_one_of is not None:
            state.last_templates[request.greeting] = template
        if opening.ask_model or not greeting.cache or not is_cacheable(template):
            return opening
        # The service's echo cancellation does not know the cached sound: playing it would cost what the person goes on
        # to say after the wake word.
        speaks_on = request.heard_from_s is not None and self._echo.choice().mode is EchoMode.SERVICE
        pcm = b"" if speaks_on else await self._cached(self._rendition(opening, request.assistant))
        return replace(opening, pcm=pcm, cacheable=not pcm)

    def store(self, opening: Opening, pcm: bytes, assistant: str) -> None:
        """Cache the sound of an opening, 24 kHz mono S16LE, as an assistant spoke it."""
        self._cache.put(self._rendition(opening, assistant), pcm)

    def clear_cache(self, assistant: str) -> None:
        """Forget what an assistant said: it greets by itself now, so nothing of ours may be said as well."""
        self._cache.clear(rendition_for(self._config.of(assistant), "", None).group)

    def wanted(self) -> dict[str, list[Rendition]]:
        """Return by assistant everything that the config's greetings can say and that can be synthesised in advance."""
        return {
            assistant: self._wanted_of(self._config.of(assistant), greetings)
            for assistant, greetings in greetings_by_assistant(self._config).items()
        }

    def _wanted_of(self, config: Config, greetings: Mapping[str, Greeting]) -> list[Rendition]:
        return [
            rendition_for(config, variant.text, variant.voice)
            for variant in variants(greetings, self._names(), socket.gethostname(), language_for(config.language))
        ]

    def _names(self) -> dict[str, str]:
        """Return the values of the config's own placeholders; what people told the speaker goes before them."""
        facts = self._saved_state.remembered.facts
        told = {name: facts[name] for name in REMEMBERED if name in facts}
        return {**dict.fromkeys(REMEMBERED, ""), **self._config.names, **told}

    async def _cached(self, rendition: Rendition) -> bytes:
        """Return the sound, empty if it is not cached or the disk is slow."""
        pcm = self._cache.get(rendition)
        if pcm is None:
            try:
                async with asyncio.timeout(self._disk_deadline_s):
                    pcm = await asyncio.to_thread(self._cache.load, rendition)
            except TimeoutError:
                pcm = None  # the thread still brings it into memory, for the next press
        return pcm or b""

    def _rendition(self, opening: Opening, assistant: str) -> Rendition:
        return rendition_for(self._config.of(assistant), opening.text, opening.voice)
