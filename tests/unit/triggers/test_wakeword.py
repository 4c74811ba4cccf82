"""The thread that listens for wake words, with an engine that recognises what the test says."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import numpy as np
import pytest

from device_daemon.audio.period import Period
from device_daemon.config.settings import WakeWordTrigger
from device_daemon.errors import SpeakerError, WakeWordsUnusable, WakeWordUnknown
from device_daemon.triggers.wakeword import BLOCK_MS, BUFFER_S, WakeWords
from device_daemon.triggers.wakeword_engine import Engine, Heard
from device_daemon.triggers.wakeword_models import INSTALL_COMMAND

ALEXA = WakeWordTrigger(word="alexa", refractory_s=0.1)
PERIOD_MS = 20
IN_A_BLOCK = BLOCK_MS // PERIOD_MS
DEADLINE_S = 5.0
T = TypeVar("T")


class Scripted:
    """Recognises what `heard` has for each piece of sound; tells the loop of each, and waits where it is held."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.heard: dict[int, list[Heard]] = {}
        self.go = threading.Event()
        self.go.set()
        self.entered: asyncio.Queue[int] = asyncio.Queue()
        self.levels: list[int] = []
        self.calls: list[str] = []
        self.fault: Exception | None = None

    def hear(self, pcm: bytes) -> list[Heard]:
        piece = len(self.levels)
        self.levels.append(round(float(np.median(np.frombuffer(pcm, "<i2")))))
        self.calls.append("hear")
        self._loop.call_soon_threadsafe(self.entered.put_nowait, piece)
        assert self.go.wait(DEADLINE_S)
        if self.fault:
            raise self.fault
        return self.heard.get(piece, [])

    def scores(self) -> list[float]:
        return [0.1 * len(self.levels)]

    def set_sensitivity(self, index: int, sensitivity: float) -> None:
        self.calls.append(f"sensitivity {index} {sensitivity}")

    def reset(self) -> None:
        self.calls.append("reset")

    def close(self) -> None:
        self.calls.append("close")


class Host:
    """Who wants to know."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[tuple[WakeWordTrigger, float]] = asyncio.Queue()
        self.failures: asyncio.Queue[SpeakerError] = asyncio.Queue()
        self.ready = asyncio.Event()

    def on_word(self, trigger: WakeWordTrigger, ends_at_s: float) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.words.put_nowait((trigger, ends_at_s))


def sound(first: int, count: int) -> list[Period]:
    """Periods that follow each other, each as loud as its number says; the first of all begins at 100 s."""
    numbers = range(first, first + count)
    frames = 24 * PERIOD_MS
    return [Period(np.full(frames, 10 * n, "<i2").tobytes(), 100 + (n + 1) * PERIOD_MS / 1000) for n in numbers]


@asynccontextmanager
async def listening(
    engine: Engine, host: Host, make: Callable[[Sequence[WakeWordTrigger]], Engine] | None = None
) -> AsyncIterator[WakeWords]:
    wake_words = WakeWords(
        [ALEXA],
        loop=asyncio.get_running_loop(),
        on_word=host.on_word,
        on_failure=host.failures.put_nowait,
        on_ready=host.ready.set,
        make_engine=make or (lambda _: engine),
    )
    try:
        yield wake_words
    finally:
        await wake_words.close()


async def soon(queue: asyncio.Queue[T]) -> T:
    return await asyncio.wait_for(queue.get(), DEADLINE_S)


@pytest.fixture
async def engine() -> Scripted:
    return Scripted(asyncio.get_running_loop())


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "wake-words"]


async def test_a_word_is_told_with_the_time_at_which_it_ended(engine: Scripted) -> None:
    host = Host()
    engine.heard = {1: [Heard(0, 0.05)]}
    async with listening(engine, host) as wake_words:
        wake_words.put(sound(0, 2 * IN_A_BLOCK))
        trigger, ends_at_s = await soon(host.words)
        assert trigger is ALEXA
        assert ends_at_s == pytest.approx(100 + 2 * BLOCK_MS / 1000 - 0.05)
        assert wake_words.counters.heard == 1


async def test_the_sound_comes_in_order_and_in_blocks_however_it_is_put(engine: Scripted) -> None:
    async with listening(engine, Host()) as wake_words:
        for period in sound(0, 4 * IN_A_BLOCK):
            wake_words.put([period])
        for _ in range(4):
            await soon(engine.entered)
    assert engine.levels == sorted(engine.levels)
    assert len(set(engine.levels)) == 4


async def test_less_than_a_block_waits_for_the_rest(engine: Scripted) -> None:
    async with listening(engine, Host()) as wake_words:
        wake_words.put(sound(0, IN_A_BLOCK - 1))
        wake_words.put(sound(IN_A_BLOCK - 1, 1))
        await soon(engine.entered)
    assert engine.levels == [10 * (IN_A_BLOCK // 2)]


async def test_of_more_than_two_seconds_the_oldest_is_dropped_and_counted_and_what_follows_is_another_sound(
    engine: Scripted,
) -> None:
    engine.go.clear()
    waiting = round(BUFFER_S * 1000) // PERIOD_MS
    blocks = waiting // IN_A_BLOCK
    async with listening(engine, Host()) as wake_words:
        wake_words.put(sound(0, IN_A_BLOCK))
        await soon(engine.entered)
        wake_words.put(sound(IN_A_BLOCK, waiting + 30))
        assert wake_words.counters.dropped_periods == 30
        engine.go.set()
        for _ in range(blocks):
            await soon(engine.entered)
    assert engine.calls[:3] == ["hear", "reset", "hear"]
    assert engine.calls.count("reset") == 1
    assert engine.levels[1] == 10 * (IN_A_BLOCK + 30 + IN_A_BLOCK // 2)


async def test_the_frames_that_were_listened_to_are_counted(engine: Scripted) -> None:
    async with listening(engine, Host()) as wake_words:
        wake_words.put(sound(0, 3 * IN_A_BLOCK))
        for _ in range(3):
            await soon(engine.entered)
        wake_words.put(sound(3 * IN_A_BLOCK, IN_A_BLOCK))
        await soon(engine.entered)  # so the three before are counted
        assert wake_words.counters.frames >= 3 * BLOCK_MS * 24


async def test_after_a_reset_the_engine_forgets_before_it_hears_more(engine: Scripted) -> None:
    async with listening(engine, Host()) as wake_words:
        wake_words.put(sound(0, IN_A_BLOCK))
        await soon(engine.entered)
        wake_words.put(sound(IN_A_BLOCK, IN_A_BLOCK - 1))
        wake_words.reset()
        wake_words.put(sound(2 * IN_A_BLOCK - 1, IN_A_BLOCK))  # so soon that the times alone show no gap
        await soon(engine.entered)
    assert engine.calls[:3] == ["hear", "reset", "hear"]
    assert engine.levels[1] == 10 * (2 * IN_A_BLOCK - 1 + IN_A_BLOCK // 2)


async def test_a_word_from_before_a_reset_is_not_told(engine: Scripted) -> None:
    host = Host()
    engine.heard = {0: [Heard(0, 0.0)], 1: [Heard(0, 0.0)]}
    engine.go.clear()
    async with listening(engine, host) as wake_words:
        wake_words.put(sound(0, IN_A_BLOCK))
        await soon(engine.entered)
        wake_words.reset()
        engine.go.set()
        wake_words.put(sound(100, IN_A_BLOCK))
        _, ends_at_s = await soon(host.words)
        assert ends_at_s > 102
        assert host.words.empty()
        assert wake_words.counters.heard == 1


async def test_closing_joins_the_thread_and_gives_the_engine_back(engine: Scripted) -> None:
    async with listening(engine, Host()) as wake_words:
        assert len(threads()) == 1
        wake_words.put(sound(0, IN_A_BLOCK))
        await soon(engine.entered)
        await wake_words.close()
        assert not threads()
        assert engine.calls[-1] == "close"
        await wake_words.close()


async def test_what_is_heard_while_it_closes_is_not_told(engine: Scripted) -> None:
    host = Host()
    engine.heard = {0: [Heard(0, 0.0)]}
    engine.go.clear()
    async with listening(engine, host) as wake_words:
        wake_words.put(sound(0, IN_A_BLOCK))
        await soon(engine.entered)
        closing = asyncio.ensure_future(wake_words.close())
        await asyncio.sleep(0)
        engine.go.set()
        await closing
        wake_words.put(sound(IN_A_BLOCK, IN_A_BLOCK))
    assert host.words.empty()
    assert len(engine.levels) == 1


async def test_an_engine_that_fails_is_told_once_and_then_nothing_is_listened_to(
    engine: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    host = Host()
    engine.fault = ValueError("tensor 7")
    async with listening(engine, host) as wake_words:
        wake_words.put(sound(0, 3 * IN_A_BLOCK))
        error = await soon(host.failures)
        assert isinstance(error, WakeWordsUnusable)
        assert "tensor 7" in error.message
        assert "restart" in error.message
        wake_words.put(sound(3 * IN_A_BLOCK, 300))
        assert wake_words.counters.dropped_periods == 0
    assert host.failures.empty()
    assert len(engine.levels) == 1
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert not threads()


async def test_an_engine_that_does_not_load_is_told_in_its_own_words_and_without_a_traceback(
    engine: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    def make(_triggers: Sequence[WakeWordTrigger]) -> Engine:
        raise WakeWordsUnusable("the wake word engine does not load: install libstdc++6")

    host = Host()
    async with listening(engine, host, make) as wake_words:
        error = await soon(host.failures)
        assert error.message == "the wake word engine does not load: install libstdc++6"
        wake_words.put(sound(0, IN_A_BLOCK))
        wake_words.reset()
    assert [record.exc_info for record in caplog.records] == [None]


async def test_it_is_ready_when_the_engine_is_loaded_and_not_before(engine: Scripted) -> None:
    host, begun, loaded = Host(), asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def make(_triggers: Sequence[WakeWordTrigger]) -> Engine:
        loop.call_soon_threadsafe(begun.set)
        assert loaded.wait(DEADLINE_S)
        return engine

    async with listening(engine, host, make):
        await asyncio.wait_for(begun.wait(), DEADLINE_S)
        assert not host.ready.is_set()
        loaded.set()
        await asyncio.wait_for(host.ready.wait(), DEADLINE_S)


async def test_an_engine_that_is_loaded_when_it_was_closed_is_ready_for_nobody(engine: Scripted) -> None:
    host, loaded = Host(), threading.Event()

    def make(_triggers: Sequence[WakeWordTrigger]) -> Engine:
        assert loaded.wait(DEADLINE_S)
        return engine

    async with listening(engine, host, make) as wake_words:
        closing = asyncio.ensure_future(wake_words.close())
        await asyncio.sleep(0)
        loaded.set()
        await closing
    await asyncio.sleep(0)
    assert not host.ready.is_set()


async def test_a_fault_while_it_closes_is_nobodys_business_any_more(engine: Scripted) -> None:
    host = Host()
    engine.fault = ValueError("gone")
    engine.go.clear()
    async with listening(engine, host) as wake_words:
        wake_words.put(sound(0, IN_A_BLOCK))
        await soon(engine.entered)
        closing = asyncio.ensure_future(wake_words.close())
        await asyncio.sleep(0)
        engine.go.set()
        await closing
    await asyncio.sleep(0)
    assert host.failures.empty()


async def test_a_fault_just_before_it_closes_is_not_told_after_it(engine: Scripted) -> None:
    host = Host()
    engine.fault = ValueError("gone")
    async with listening(engine, host) as wake_words:
        (thread,) = threads()
        wake_words.put(sound(0, IN_A_BLOCK))
        thread.join(DEADLINE_S)  # the loop has had no chance to tell of it
        await wake_words.close()
        await asyncio.sleep(0)
    assert host.failures.empty()


async def test_without_an_engine_the_error_names_the_command_that_installs_it(
    engine: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("pymicro_wakeword", "pyopen_wakeword"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(WakeWordsUnusable) as caught:
        async with listening(engine, Host()):
            pass
    assert f"`{INSTALL_COMMAND}`" in caught.value.message
    assert not threads()


async def test_a_word_that_is_not_installed_is_told_with_those_that_are() -> None:
    with pytest.raises(WakeWordUnknown, match=r"'hey cat' .* alexa, hey_jarvis, hey_mycroft, hey_rhasspy, okay_nabu"):
        WakeWords(
            [ALEXA, WakeWordTrigger(word="hey cat")],
            loop=asyncio.get_running_loop(),
            on_word=lambda *_: None,
            on_failure=lambda _: None,
        )
    assert not threads()


async def test_a_new_sensitivity_reaches_the_engine_in_its_thread_with_the_next_sound(engine: Scripted) -> None:
    async with listening(engine, Host()) as wake_words:
        wake_words.put(sound(0, IN_A_BLOCK))
        await soon(engine.entered)
        wake_words.set_sensitivity("alexa", 0.7)
        wake_words.set_sensitivity("okay_nabu", 0.1)
        wake_words.put(sound(IN_A_BLOCK, IN_A_BLOCK))
        await soon(engine.entered)
    assert engine.calls[:3] == ["hear", "sensitivity 0 0.7", "hear"]
