"""What a conversation begins with."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from device_daemon.config.settings import Agent, Assistant, ButtonTrigger, Config, Greeting, Service, Trigger
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
    GreetingCache(tmp_path).put(rendition_for(config, "Hello! How can I help?", None), PCM)
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


async def test_words_that_were_asked_for_are_said_and_only_an_announcement_cannot_be_interrupted(
    tmp_path: Path,
) -> None:
    resolver = GreetingResolver(Config(service=Service(local=True)), SavedState(tmp_path), GreetingCache(tmp_path))
    said = await resolver.opening(ConversationRequest("control socket", "none", 1.0, text="Dinner!"))
    announced = await resolver.opening(
        ConversationRequest("control socket", "none", 1.0, text="Dinner!", listens=False)
    )
    assert said is not None
    assert announced is not None
    assert (said.text, said.interruptible, said.announcement) == ("Dinner!", True, False)
    assert (announced.text, announced.interruptible, announced.announcement) == ("Dinner!", False, True)


async def test_without_a_greeting_a_conversation_begins_with_nothing(tmp_path: Path) -> None:
    resolver = GreetingResolver(Config(service=Service(local=True)), SavedState(tmp_path), GreetingCache(tmp_path))
    assert await resolver.opening(ConversationRequest("button", "none", 1.0)) is None


async def test_of_several_texts_the_last_one_is_not_said_again(tmp_path: Path) -> None:
    config = Config(service=Service(local=True), greetings={"welcome": Greeting(say_one_of=["One.", "Two."])})
    saved_state = SavedState(tmp_path)
    resolver = GreetingResolver(config, saved_state, GreetingCache(tmp_path))
    said = []
    for _ in range(6):
        opening = await resolver.opening(ConversationRequest("button", "welcome", 1.0))
        assert opening is not None
        said.append(opening.text)
    assert said in (["One.", "Two."] * 3, ["Two.", "One."] * 3)
    assert {rendition.text for rendition in resolver.wanted()["service"]} == {"One.", "Two."}


async def test_a_stored_greeting_is_found_and_after_the_cache_was_emptied_it_is_not(tmp_path: Path) -> None:
    resolver = GreetingResolver(Config(service=Service(local=True)), SavedState(tmp_path), GreetingCache(tmp_path))
    request = ConversationRequest("button", "welcome", 1.0)
    opening = await resolver.opening(request)
    assert opening is not None
    resolver.store(opening, PCM, "service")
    found = await resolver.opening(request)
    assert found is not None
    assert (found.pcm, found.cacheable) == (PCM, False)
    resolver.clear_cache("service")
    emptied = await resolver.opening(request)
    assert emptied is not None
    assert emptied.pcm == b""


async def test_a_greeting_that_the_model_makes_up_is_never_cached(tmp_path: Path) -> None:
    config = Config(service=Service(local=True), greetings={"welcome": Greeting(ask_model="Greet me with a joke.")})
    resolver = GreetingResolver(config, SavedState(tmp_path), GreetingCache(tmp_path))
    opening = await resolver.opening(ConversationRequest("button", "welcome", 1.0))
    assert opening is not None
    assert opening.ask_model
    assert not opening.cacheable
    assert resolver.wanted() == {"service": []}


GUIDE = Assistant(agent=Agent("concierge", "hotel"), voice="de-DE-Katja")


def with_a_guide(*triggers: Trigger) -> Config:
    greetings = {"welcome": Greeting(say="Hello."), "servus": Greeting(say="Servus.")}
    return Config(
        service=Service(local=True), assistants={"guide": GUIDE}, greetings=greetings, triggers=list(triggers)
    )


async def test_the_same_greeting_of_another_assistant_is_another_sound_and_forgotten_by_itself(tmp_path: Path) -> None:
    resolver = GreetingResolver(with_a_guide(), SavedState(tmp_path), GreetingCache(tmp_path / "cache"))
    ours = ConversationRequest("button", "welcome", 1.0)
    theirs = ConversationRequest("button", "welcome", 1.0, assistant="guide")
    for request, pcm in ((ours, PCM), (theirs, PCM[::-1])):
        opening = await resolver.opening(request)
        assert opening is not None
        assert opening.cacheable
        resolver.store(opening, pcm, request.assistant)
    resolver.clear_cache("guide")
    found = [await resolver.opening(request) for request in (ours, theirs)]
    assert [opening and opening.pcm for opening in found] == [PCM, b""]


async def test_each_assistant_speaks_the_greetings_of_its_triggers_and_the_first_one_also_those_that_none_names(
    tmp_path: Path,
) -> None:
    config = with_a_guide(ButtonTrigger(pin=4), ButtonTrigger(pin=5, greeting="servus", assistant="guide"))
    wanted = GreetingResolver(config, SavedState(tmp_path), GreetingCache(tmp_path)).wanted()
    assert {name: [one.text for one in renditions] for name, renditions in wanted.items()} == {
        "service": ["Hello."],
        "guide": ["Servus."],
    }
    assert wanted["guide"][0].voice == "de-DE-Katja"
