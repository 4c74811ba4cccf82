"""What a conversation begins with: the greeting of its trigger, composed anew, with its sound if that is remembered."""

from __future__ import annotations

import random
import socket
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from device_daemon.config.settings import Config
from device_daemon.greetings import opening as greetings
from device_daemon.greetings.cache import GreetingCache, Rendition, rendition_for
from device_daemon.greetings.opening import Opening
from device_daemon.greetings.variants import foreseen, knowable
from device_daemon.system.saved_state import SavedState


class ConversationRequest(Struct, frozen=True):
    """A conversation somebody asked for."""

    trigger: str
    """As the journal and `status` name it."""
    greeting: str
    """Its name in the config, or "none"."""
    pressed_s: float
    text: str = ""
    """To be said word for word instead of a greeting."""
    listens: bool = True
    """False: an announcement, which listens to nobody."""
    held_from_s: float | None = None
    """A push-to-talk button is held, since then."""
    heard_from_s: float | None = None
    """A person spoke on in the same breath: from then on (time.monotonic) it is for the service."""
    expires_s: float | None = None
    """Not to be begun later than that."""
    asked: bool = True
    """Somebody wants it and waits; else nobody is told what went wrong before a word was heard."""


class GreetingResolver:
    """Knows the config's greetings, which were said last, and the sound of those the service spoke before."""

    def __init__(self, config: Config, memory: SavedState, store: GreetingCache) -> None:
        self._config = config
        self._memory = memory
        self._store = store

    def opening(self, wish: ConversationRequest) -> Opening | None:
        """The first words of a conversation, None if it has none."""
        if wish.text:
            return Opening("say", wish.text, interruptible=wish.listens, announcement=not wish.listens)
        greeting = self._config.greetings.get(wish.greeting)
        if greeting is None:
            return None
        remembered = self._memory.remembered
        values = greetings.values(
            datetime.now().astimezone(), socket.gethostname(), remembered.last_conversation_at, self._config.names
        )
        last = remembered.last_templates.get(wish.greeting)
        opening, template = greetings.compose(wish.greeting, greeting, values, last, random.choice)
        if greeting.say_one_of is not None:
            remembered.last_templates[wish.greeting] = template
        if opening.ask_model or not greeting.cache or not knowable(template):
            return opening
        # A remembered greeting is played while the person speaks on: where the service takes the echo away that costs
        # what they say, since it does not know this sound.
        speaks_on = wish.heard_from_s is not None and self._config.audio.echo == "service"
        pcm = b"" if speaks_on else self._store.recall(self._rendition(opening)) or b""
        return replace(opening, pcm=pcm, remember=not pcm)

    def spoken(self, opening: Opening, pcm: bytes) -> None:
        """The service spoke an opening that is to be remembered, to its end."""
        self._store.keep(self._rendition(opening), pcm)

    def forget(self) -> None:
        """The service began to greet by itself: what it spoke for us must not be said as well."""
        self._store.forget()

    def wanted(self) -> list[Rendition]:
        """All that the config's greetings can say, as far as that can be known ahead."""
        service = self._config.service
        return [
            rendition_for(service, known.text, known.voice)
            for known in foreseen(self._config.greetings, self._config.names, socket.gethostname())
        ]

    def _rendition(self, opening: Opening) -> Rendition:
        return rendition_for(self._config.service, opening.text, opening.voice)
