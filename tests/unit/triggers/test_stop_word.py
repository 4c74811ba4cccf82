"""The stop word is listened for while something sounds, and a moment longer; never otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from device_daemon.audio.period import Period
from device_daemon.config.settings import WakeWordTrigger
from device_daemon.triggers.stop_word import TAIL_S, StopWord

STOP = WakeWordTrigger(word="stop")


class Clock:
    """The loop, as far as it tells the time."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def time(self) -> float:
        return self.now_s


class Words:
    """The engine's thread: notes what it is given."""

    def __init__(self, on_word: Callable[[WakeWordTrigger, float], None]) -> None:
        self.on_word = on_word
        self.heard: list[float] = []
        self.resets = 0

    def put(self, periods: list[Period]) -> None:
        self.heard += [period.captured_at_s for period in periods]

    def reset(self) -> None:
        self.resets += 1

    def unresponsive(self) -> str:
        return "it hangs"

    async def close(self) -> None:
        self.heard.append(-1.0)


class Stage:
    """A stop word, and a speaker that sounds or does not."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.sounds = False
        self.stopped = 0
        loop: Any = self.clock
        self.stop_word = StopWord(
            STOP, loop=loop, sounds=lambda: self.sounds, on_word=self._stop, on_failure=lambda _: None, make=self._make
        )

    words: Words

    def _make(self, _triggers: object, *, on_word: Callable[[WakeWordTrigger, float], None], **_: object) -> Any:
        self.words = Words(on_word)
        return self.words

    def _stop(self) -> None:
        self.stopped += 1

    def hears(self, after_s: float = 0.1) -> None:
        """The microphone gives the next period."""
        self.clock.now_s += after_s
        self.stop_word.put([Period(bytes(480), self.clock.now_s)])


def test_while_nothing_sounds_it_hears_nothing_and_loads_no_engine() -> None:
    stage = Stage()
    stage.hears()
    assert not hasattr(stage, "words")


def test_it_hears_while_something_sounds_and_a_moment_longer() -> None:
    stage = Stage()
    stage.sounds = True
    stage.hears()
    stage.sounds = False
    stage.hears(TAIL_S / 2)
    assert len(stage.words.heard) == 2
    stage.hears(TAIL_S)
    assert len(stage.words.heard) == 2


def test_each_time_it_begins_to_hear_it_begins_anew() -> None:
    stage = Stage()
    for sounds, after_s in ((True, 0.1), (True, 0.1), (False, 0.1), (True, 0.1), (False, 5.0), (True, 5.0)):
        stage.sounds = sounds
        stage.hears(after_s)
    assert stage.words.resets == 2


async def test_the_word_is_passed_on_and_the_engine_is_watched_and_closed() -> None:
    stage = Stage()
    assert stage.stop_word.unresponsive() == ""
    await stage.stop_word.close()
    stage.sounds = True
    stage.hears()
    stage.words.on_word(STOP, 1.0)
    assert stage.stopped == 1
    assert stage.stop_word.unresponsive() == "it hangs"
    await asyncio.wait_for(stage.stop_word.close(), 1.0)
    assert stage.words.heard[-1] == -1.0
