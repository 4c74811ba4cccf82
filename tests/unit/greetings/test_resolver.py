"""What a conversation begins with."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from device_daemon.config.settings import Config, Service
from device_daemon.greetings.cache import GreetingCache, Rendition, rendition_for
from device_daemon.greetings.resolver import ConversationRequest, GreetingResolver
from device_daemon.system.saved_state import SavedState

PCM = bytes(range(200)) * 2


class SlowDisk(GreetingCache):
    """Does not answer until it may."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.may_answer = threading.Event()

    def load(self, rendition: Rendition) -> bytes | None:
        self.may_answer.wait()
        return super().load(rendition)


async def test_a_press_does_not_wait_for_a_slow_disk_and_the_next_one_finds_the_greeting_in_memory(
    tmp_path: Path,
) -> None:
    config = Config(service=Service(local=True))
    GreetingCache(tmp_path).put(rendition_for(config.service, "Hello! How can I help?", None), PCM)
    cache = SlowDisk(tmp_path)
    resolver = GreetingResolver(config, SavedState(tmp_path / "state"), cache, disk_deadline_s=0.0)
    request = ConversationRequest("button", "welcome", 1.0)
    opening = await resolver.opening(request)
    assert opening is not None
    assert (opening.pcm, opening.cacheable) == (b"", True), "the service speaks it"
    cache.may_answer.set()
    while not (opening and opening.pcm):
        await asyncio.sleep(0)
        opening = await resolver.opening(request)
    assert opening.pcm == PCM
