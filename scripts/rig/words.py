"""Sound for wake words: the words as people call them, phrases that resemble them, and what is nothing like them.

Everything is spoken by espeak-ng in pinned voices and speeds, at the levels of a room: the same on every run.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from device_daemon.audio.period import Period
from scripts.rig.tracks import Samples
from scripts.rig.utterance import VOICE_RATE_HZ, utterance

LEAD_S: Final = 1.2
"""Quiet before each call, so that the engine knows the room."""
TAIL_S: Final = 1.0
EACH_FOR_ITSELF_S: Final = -1.0
"""A refractory time with which no word keeps another one from being heard: a config cannot have it."""
PAUSES_MS: Final = (None, 400, 120, 0)
"""Between a word and the question that follows it; None: no question follows."""

SPOKEN: Final = {
    "okay_nabu": "okay naboo",
    "alexa": "alexa",
    "hey_mycroft": "hey mycroft",
    "hey_jarvis": "hey jarvis",
}
"""Spelt so that espeak-ng says it: it speaks "nabu" as "nay-boo", which is another word."""

NEAR_MISSES: Final = (
    "okay nobody",
    "okay, now do it",
    "okay, Naomi",
    "okay, the navy blue one",
    "okay, that will do",
    "a nabob",
    "hey Michael",
    "hey, my craft",
    "hey, microwave it",
    "hey, minecraft",
    "hey Jarred",
    "hey Harvey",
    "hey, service please",
    "hey, java is hot",
    "hey, your charger is here",
    "a lexicon",
    "Alexander",
    "I'll ask her",
    "Alaska",
    "relax a bit",
    "the election",
    "electric",
)
SENTENCES: Final = (
    "What time does the train to the coast leave tomorrow?",
    "I have put the potatoes into the oven, they need another twenty minutes.",
    "Nobody told me that the meeting was moved to Thursday.",
    "Could you hand me the screwdriver with the yellow handle?",
    "It rained so hard last night that the cellar is full of water.",
    "My sister is going to have her second baby in March.",
    "Turn left at the church and then follow the road for three miles.",
    "She said she would call back, but she never does.",
    "We should buy bread, butter, milk, and something for the cat.",
    "The neighbours have been drilling into that wall since eight o'clock.",
    "Did you see the match yesterday? They lost five to one.",
    "I am not sure whether the jacket fits, I will try it on again.",
    "The doctor says it is nothing serious, just keep warm and drink a lot.",
    "Okay, let us go then, the shop closes at six.",
    "Hey, wait for me, I only have to find my keys.",
    "He plays the piano quite well for somebody who started last year.",
    "There is a new film about the astronauts who never came home.",
    "Please do not forget to water the plants while we are away.",
    "The computer wants to be restarted again, and I have not saved anything.",
    "Grandmother used to make a cake with plums and cinnamon.",
    "Hello, this is the library, your book has arrived.",
    "A lot of people think so, but it is simply not true.",
)
FOREIGN: Final = (
    ("de", "Kannst du mir bitte sagen, wann der naechste Bus in die Stadt faehrt?"),
    ("de", "Okay, na gut, dann machen wir das eben morgen."),
    ("fr", "Est-ce que tu as pense a fermer la fenetre avant de partir?"),
    ("es", "Manana por la manana vamos al mercado a comprar pescado."),
    ("it", "Non ho ancora capito dove hai messo le chiavi della macchina."),
    ("nl", "Ik weet niet of ik vanavond nog boodschappen kan doen."),
)
QUESTIONS: Final = ("what time is it", "how warm is it outside", "tell me a story", "add milk to the list")


@dataclass(frozen=True, slots=True)
class Voicing:
    """One of the people."""

    voice: str
    words_per_minute: int


def _voicings() -> tuple[Voicing, ...]:
    accents = ("en", "en-us", "en-gb-x-rp", "en-gb-scotland", "en-us-nyc", "en-029")
    people = (
        "",
        "+m3",
        "+Andrea",
        "+f3",
        "+anika",
        "+belinda",
        "+Alex",
        "+steph",
        "+Annie",
        "+m7",
        "+Michael",
        "+linda",
    )
    speeds = (140, 165, 185)
    return tuple(
        Voicing(accent + people[(2 * i + 3 * j) % len(people)], speeds[(i + j) % len(speeds)])
        for i, accent in enumerate(accents)
        for j in range(4)
    )


VOICINGS: Final = _voicings()


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody calls a word: `samples`, 24 kHz mono, shape (n,), and when in them what is said."""

    word: str
    voicing: Voicing
    pause_ms: int | None
    samples: Samples
    begins_s: float
    ends_s: float
    asks_s: float | None
    """When the question begins that follows the word, if one does."""


def calls(word: str, voicings: tuple[Voicing, ...] = VOICINGS) -> Iterator[Call]:
    """Yield a word as each voicing says it, with each of the pauses after it."""
    for n, (voicing, pause_ms) in enumerate(itertools.product(voicings, PAUSES_MS)):
        spoken = say(SPOKEN[word], voicing)
        begins_s = LEAD_S
        ends_s = begins_s + len(spoken) / VOICE_RATE_HZ
        asks_s = None
        parts = [_quiet(LEAD_S), spoken]
        if pause_ms is not None:
            asks_s = ends_s + pause_ms / 1000
            parts += [_quiet(pause_ms / 1000), say(QUESTIONS[n % len(QUESTIONS)], voicing)]
        parts.append(_quiet(TAIL_S))
        yield Call(word, voicing, pause_ms, in_room(np.concatenate(parts), n), begins_s, ends_s, asks_s)


def near_misses(voicings: tuple[Voicing, ...] = VOICINGS) -> Iterator[tuple[str, Samples]]:
    """Yield phrases that resemble the words, each as some of the voicings say it: what is said, and the sound."""
    for n, phrase in enumerate(NEAR_MISSES):
        for k in range(0, len(voicings), 4):
            voicing = voicings[(k + n) % len(voicings)]
            said = [_quiet(LEAD_S), say(phrase, voicing), _quiet(0.5)]
            yield phrase, in_room(np.concatenate(said), n + k)


def talk(voicings: tuple[Voicing, ...] = VOICINGS) -> Iterator[tuple[str, Samples]]:
    """Yield other people's talk, a voicing at a time: who talks, and some 50 s of sound."""
    for n, voicing in enumerate(voicings):
        sentences = [np.concatenate((say(text, voicing), _quiet(0.3))) for text in SENTENCES]
        yield f"{voicing.voice} at {voicing.words_per_minute}", in_room(np.concatenate(sentences), n)
    foreign = [np.concatenate((say(text, Voicing(voice, 165)), _quiet(0.3))) for voice, text in FOREIGN]
    yield "other languages", in_room(np.concatenate(foreign), 1)


def noises(seconds: float = 20.0) -> Iterator[tuple[str, Samples]]:
    """Yield what a room sounds like without anybody who talks: what it is, and the sound."""
    frames = round(seconds * VOICE_RATE_HZ)
    rng = np.random.default_rng(3)
    at_s = np.arange(frames) / VOICE_RATE_HZ
    white = rng.normal(0, 1, frames)
    yield "quiet room", in_room(np.zeros(frames), 0)
    yield "white noise", _at_dbfs(white, -30)
    yield "low noise", _at_dbfs(np.convolve(white, np.ones(48) / 48, "same"), -24)
    yield (
        "mains hum",
        _at_dbfs(sum((np.sin(2 * np.pi * f * at_s) / f for f in (50, 100, 150, 250)), start=white / 1e4), -25),
    )
    knocks = np.where(rng.random(frames) < 3 / VOICE_RATE_HZ, 1.0, 0.0)
    decay = np.exp(-np.arange(2400) / 400) * rng.normal(0, 1, 2400)
    yield "knocks", _at_dbfs(np.convolve(knocks, decay)[:frames], -28)
    notes = 220 * 2 ** (rng.integers(0, 24, (round(seconds * 4) + 1, 3)) / 12)  # chords of three, four a second
    phase = 2 * np.pi * np.cumsum(notes[(at_s * 4).astype(int)] / VOICE_RATE_HZ, axis=0)
    music = sum(np.sin(phase * k).sum(axis=1) / k for k in range(1, 6)) * np.exp(-3 * (at_s * 4 % 1))
    yield "music", _at_dbfs(music, -22)
    sweep = np.sin(2 * np.pi * (100 * at_s + 3000 * np.abs((at_s % 2) - 1) ** 2))
    yield "siren", _at_dbfs(sweep, -26)


def as_periods(samples: Samples, begins_at_s: float = 0.0, period_ms: int = 20) -> list[Period]:
    """Return sound the way the microphone gives it; a rest that is no whole period is left out."""
    frames = VOICE_RATE_HZ * period_ms // 1000
    ends = range(frames, len(samples) + 1, frames)
    return [Period(samples[end - frames : end].tobytes(), begins_at_s + end / VOICE_RATE_HZ) for end in ends]


def in_room(samples: npt.NDArray[np.generic], n: int) -> Samples:
    """Return clean sound as a microphone in a room takes it: the `n` chooses how far away, noise at -62 dBFS is added."""
    gain = (0.5, 0.2, 0.07)[n % 3]
    noise = np.random.default_rng(n).normal(0, 26, len(samples))
    return _to_samples(samples.astype(np.float64) * gain + noise)


@cache
def say(text: str, voicing: Voicing) -> Samples:
    """Return a text as one of the people says it, clean."""
    return utterance(text, voicing.voice, voicing.words_per_minute)


def _quiet(seconds: float) -> Samples:
    return np.zeros(round(seconds * VOICE_RATE_HZ), np.int16)


def _at_dbfs(wave: npt.NDArray[np.float64], dbfs: float) -> Samples:
    return _to_samples(wave * (32768 * 10 ** (dbfs / 20) / np.sqrt(np.mean(wave**2))))


def _to_samples(wave: npt.NDArray[np.float64]) -> Samples:
    return np.asarray(np.clip(np.rint(wave), -32768, 32767), np.int16)
