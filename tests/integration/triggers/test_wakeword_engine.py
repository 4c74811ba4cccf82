"""The engine itself: what it is asked for, and that the daemon's path to it loses nothing."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

from device_daemon.config.settings import WakeWordTrigger
from device_daemon.config.wake_words import name_of
from device_daemon.errors import EX_CONFIG, SpeakerError, WakeWordsUnusable, WakeWordUnknown
from device_daemon.triggers.wakeword import BLOCK_MS, WakeWords
from device_daemon.triggers.wakeword_engine import Heard, cutoff
from device_daemon.triggers.wakeword_engines import Engines
from device_daemon.triggers.wakeword_models import check_words, installed_words
from scripts.rig import words
from scripts.rig.tracks import Samples
from scripts.rig.utterance import VOICE_RATE_HZ, resample

WORDS = ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"]
SENSITIVITY = st.floats(0, 1)
SOME_VOICINGS = words.VOICINGS[::4]
"""One of each accent."""
CHUNK_BLOCKS = 20
DEADLINE_S = 10.0
TOSS_UP = 0.02
"""So near to the cutoff, what two resamplers leave of the highest tones decides."""


class Tapped(Engines):
    """The real engine; tells of each block that it is done with."""

    done: asyncio.Queue[None]
    loop: asyncio.AbstractEventLoop

    def hear(self, pcm: bytes) -> list[Heard]:
        heard = super().hear(pcm)
        self.loop.call_soon_threadsafe(self.done.put_nowait, None)
        return heard


class Ears:
    """The daemon's path, for one sound after the other."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, float]] = []
        self._done: asyncio.Queue[None] = asyncio.Queue()
        self._now_s = 0.0
        loop = asyncio.get_running_loop()

        def make(triggers: object) -> Engines:
            engine = Tapped(triggers)  # type: ignore[arg-type] # what WakeWords passes on
            engine.done, engine.loop = self._done, loop
            return engine

        triggers = [WakeWordTrigger(word=word, refractory_s=words.EACH_FOR_ITSELF_S) for word in WORDS]
        self.failures: list[SpeakerError] = []
        self.wake_words = WakeWords(
            triggers, loop=loop, on_word=self._on_word, on_failure=self.failures.append, make_engine=make
        )

    def _on_word(self, trigger: WakeWordTrigger, ends_at_s: float) -> None:
        self.heard.append((trigger.word, ends_at_s - self._now_s))

    async def listen(self, samples: Samples) -> list[tuple[str, float]]:
        """Return what is heard in some sound, as fast as the engine can: words, and where each ended."""
        self.heard = []
        self.wake_words.reset()
        per_block = BLOCK_MS // 20
        periods = words.as_periods(samples, self._now_s)
        blocks = [periods[at : at + per_block] for at in range(0, len(periods) - per_block + 1, per_block)]
        for at in range(0, len(blocks), CHUNK_BLOCKS):
            chunk = blocks[at : at + CHUNK_BLOCKS]
            for block in chunk:
                self.wake_words.put(block)
            for _ in chunk:
                await asyncio.wait_for(self._done.get(), DEADLINE_S)
        heard = self.heard
        self._now_s += 100.0
        return heard


def plainly(samples: Samples) -> dict[str, float]:
    """Return by how much the engine's own way is sure, or not sure enough, of each word in the same sound at 16 kHz."""
    pcm = resample(samples, VOICE_RATE_HZ, 16_000).astype("<i2").tobytes()
    features = list(MicroWakeWordFeatures().process_streaming(pcm))
    found = {}
    for model in Model:
        engine = MicroWakeWord.from_builtin(model)
        surest = max(engine.process_streaming_prob(window) or 0.0 for window in features)
        found[model.value] = surest - engine.probability_cutoff
        engine.close()
    return found


async def test_from_the_microphone_on_no_word_is_lost_and_no_other_sound_is_taken_for_one() -> None:
    ears = Ears()
    calls = [call for word in WORDS for call in words.calls(word, SOME_VOICINGS) if call.pause_ms in {None, 400}]
    others = [samples for _, samples in words.near_misses(SOME_VOICINGS)]
    others += [samples for _, samples in words.talk(SOME_VOICINGS[:1])]
    others += [samples for _, samples in words.noises(5.0)]
    expected = ours = 0
    try:
        for samples in [call.samples for call in calls] + others:
            heard = {word for word, _ in await ears.listen(samples)}
            plain = plainly(samples)
            assert {word for word, by in plain.items() if by > TOSS_UP} <= heard
            assert not {word for word, by in plain.items() if by < -TOSS_UP} & heard
            ours += len(heard)
            expected += sum(by > 0 for by in plain.values())
    finally:
        await ears.wake_words.close()
    assert not ears.failures
    assert abs(ours - expected) <= 2
    assert ours > len(calls) / 2  # else the test set is of no use


async def test_a_question_after_a_pause_keeps_its_beginning_and_loses_the_word() -> None:
    ears = Ears()
    heard = 0
    try:
        for word in ("okay_nabu", "alexa"):
            for call in words.calls(word, SOME_VOICINGS):
                if call.pause_ms != 400:
                    continue
                assert call.asks_s is not None
                for found, ends_s in await ears.listen(call.samples):
                    assert found == word
                    assert -0.15 < ends_s - call.ends_s < 0.1 < call.asks_s - call.ends_s
                    heard += 1
    finally:
        await ears.wake_words.close()
    assert heard >= len(SOME_VOICINGS)


def test_after_a_reset_the_sound_before_does_not_count() -> None:
    engine = Engines([WakeWordTrigger(word="alexa")])
    call = next(call for call in words.calls("alexa") if call.pause_ms is None)
    pcm = resample(call.samples, VOICE_RATE_HZ, 16_000).astype("<i2").tobytes()
    said = round((call.ends_s + 0.1) * 16_000) * 2  # the engine is not sure of it yet
    assert not engine.hear(pcm[:said])
    assert [word.index for word in engine.hear(pcm[said:])] == [0]
    engine.reset()
    assert not engine.hear(pcm[:said])
    engine.reset()
    assert not engine.hear(pcm[said:])
    engine.close()


def test_a_sensitivity_is_changed_while_the_engine_runs_and_of_one_word_only() -> None:
    engine = Engines([WakeWordTrigger(word="hey_jarvis"), WakeWordTrigger(word="alexa")])
    call = next(call for call in words.calls("alexa") if call.pause_ms is None)
    pcm = resample(call.samples, VOICE_RATE_HZ, 16_000).astype("<i2").tobytes()
    engine.hear(pcm)
    other, usual = engine.scores()
    engine.reset()
    engine.set_sensitivity(1, 0.0)
    engine.hear(pcm)
    same, strict = engine.scores()
    assert (same, strict < usual) == (other, True)
    engine.close()


def test_the_words_that_come_with_the_engine_are_known_without_importing_it() -> None:
    assert installed_words() == sorted([*WORDS, "hey_rhasspy"])


@pytest.mark.parametrize("written", ["okay_nabu", "okay nabu", "Okay Nabu", " OKAY  nabu "])
def test_a_word_may_be_written_as_it_is_said(written: str) -> None:
    assert name_of(written) == "okay_nabu"
    check_words([WakeWordTrigger(word=written)])


def test_an_unknown_word_is_a_mistake_in_the_config() -> None:
    with pytest.raises(WakeWordUnknown) as caught:
        check_words([WakeWordTrigger(word="computer")])
    assert caught.value.exit_code == EX_CONFIG


def test_without_an_engine_there_are_no_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", None)
    monkeypatch.setitem(sys.modules, "pyopen_wakeword", None)
    assert installed_words() == []


def test_an_engine_that_is_there_but_does_not_load_is_told_with_the_command_that_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = ModuleType("pymicro_wakeword")
    broken.__spec__ = importlib.util.find_spec("pymicro_wakeword")
    monkeypatch.setitem(sys.modules, "pymicro_wakeword", broken)
    with pytest.raises(WakeWordsUnusable, match=r"does not load .* -m pip install 'pymicro-wakeword"):
        Engines([WakeWordTrigger(word="alexa")])


@given(st.floats(0.5, 0.99), SENSITIVITY, SENSITIVITY)
def test_more_sensitivity_never_takes_more_certainty(usual: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert cutoff(usual, high) <= cutoff(usual, low) + 1e-12


@given(st.floats(0.5, 0.99))
def test_the_middle_is_what_the_models_author_chose_and_the_ends_are_the_same_for_all(usual: float) -> None:
    assert cutoff(usual, 0.5) == pytest.approx(usual)
    assert cutoff(usual, 0.0) == pytest.approx(0.99)
    assert cutoff(usual, 1.0) == pytest.approx(0.5)


def test_the_sound_of_a_closed_microphone_is_no_word() -> None:
    engine = Engines([WakeWordTrigger(word=word, sensitivity=1.0) for word in WORDS])
    assert not engine.hear(np.zeros(16_000 * 5, "<i2").tobytes())
    engine.close()
