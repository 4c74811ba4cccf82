"""How often wake words are heard, and how often where there are none: `scripts/bench wake-words`.

The daemon's own path, from the microphone's periods on, over sound that espeak-ng makes (scripts/rig/words.py). Its voices
are not people: the figures compare one version with another, they do not say how well a speaker hears its owner.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, get_args

from device_daemon.config.settings import WakeWordTrigger
from device_daemon.errors import SpeakerError
from device_daemon.triggers.wakeword import BLOCK_MS, WakeWords
from device_daemon.triggers.wakeword_engines import Engines
from device_daemon.triggers.wakeword_listener import Listener
from device_daemon.triggers.wakeword_models import OPEN_INSTALL_COMMAND, Kind
from scripts.benchmark.command_line import CannotMeasure, Parser, progress
from scripts.benchmark.figures import Limit, Row, table
from scripts.rig import words
from scripts.rig.tracks import Samples
from scripts.rig.utterance import VOICE_RATE_HZ

_PERIOD_MS: Final = 20
_ONE_CALL_S: Final = 2.0
_BEFORE_S: Final = 1.0
"""How much before its end a word may be heard: sooner, it was something else."""
_CPU_S: Final = 10.0
_CPU_TARGETS: Final[dict[int, tuple[Limit, ...]]] = {1: (Limit("most", 15),), 3: ()}
"""What so many words may cost."""


@dataclass(frozen=True, slots=True)
class Event:
    """A word that was heard in a stretch of sound, in seconds from its beginning."""

    word: str
    ends_s: float
    told_s: float
    """By when that much sound had come."""


@dataclass(slots=True)
class Tally:
    """What became of the calls of one word, and where else it was heard."""

    heard: dict[str, list[bool]] = field(default_factory=dict)
    """Of each call whether it was heard, by what follows the word."""
    after_ms: list[float] = field(default_factory=list)
    """From the end of the word until it was told."""
    left_ms: list[float] = field(default_factory=list)
    """Of the word, behind the end that was told: the service hears it."""
    lost_ms: list[float] = field(default_factory=list)
    """Of the question, before the end that was told."""
    near_misses: list[str] = field(default_factory=list)
    other_words: list[str] = field(default_factory=list)
    talk: int = 0
    noises: int = 0

    def rows(self, word: str) -> list[Row]:
        """The distributions."""
        return [
            Row(f"{word}: its end -> told (ms)", self.after_ms),
            Row(f"{word}: left of it behind the end (ms)", self.left_ms),
            Row(f"{word}: lost of the question (ms)", self.lost_ms),
        ]


@dataclass(slots=True)
class Result:
    """All of it."""

    tallies: dict[str, Tally]
    seconds: dict[str, float]
    """How much sound without the words there was, by kind."""
    cpu: list[Row]


class Ears:
    """All words at once, each for itself."""

    def __init__(self, sensitivity: float, models: Mapping[str, str]) -> None:
        triggers = [
            WakeWordTrigger(word=model, sensitivity=sensitivity, refractory_s=words.EACH_FOR_ITSELF_S)
            for model in models.values()
        ]
        self._names = {model: word for word, model in models.items()}
        self._listener = Listener(Engines(triggers), triggers)
        self._now_s = 0.0

    def events(self, samples: Samples) -> Iterator[Event]:
        """Yield what is heard in some sound, a word that stays for a while once."""
        self._listener.reset()
        last: dict[str, float] = {}
        begins_s = self._now_s
        self._now_s += len(samples) / VOICE_RATE_HZ
        periods = words.as_periods(samples, begins_s, _PERIOD_MS)
        together = BLOCK_MS // _PERIOD_MS
        for at in range(0, len(periods), together):
            block = periods[at : at + together]
            for trigger, ends_s in self._listener.hear(block):
                word = self._names[trigger.word]
                before_s, last[word] = last.get(word), ends_s
                if before_s is None or ends_s - before_s > _ONE_CALL_S:
                    yield Event(word, ends_s - begins_s, block[-1].captured_at_s - begins_s)


def models_of(engine: Kind) -> dict[str, str]:
    """Return how a config names an engine's model of each word: by its file, where the name means another engine's."""
    if engine == "microWakeWord":
        return {word: word for word in words.SPOKEN}
    folder = find_spec("pyopen_wakeword")
    locations = folder.submodule_search_locations if folder else None
    if not locations:
        raise CannotMeasure(f"openWakeWord is not installed: {OPEN_INSTALL_COMMAND}")
    return {word: str(Path(locations[0], "models", f"{word}.tflite")) for word in words.SPOKEN}


def measure(sensitivity: float, models: Mapping[str, str]) -> Result:
    """Play all of the sound, and measure the costs."""
    ears = Ears(sensitivity, models)
    tallies = {word: Tally() for word in words.SPOKEN}
    for word in words.SPOKEN:
        progress(f"calling {word}")
        for call in words.calls(word):
            _tally_call(tallies, call, list(ears.events(call.samples)))
    seconds: dict[str, float] = {}
    for kind, sounds in (("near misses", words.near_misses()), ("talk", words.talk()), ("noises", words.noises())):
        progress(kind)
        seconds[kind] = 0.0
        for name, samples in sounds:
            seconds[kind] += len(samples) / VOICE_RATE_HZ
            for event in ears.events(samples):
                match kind:
                    case "near misses":
                        tallies[event.word].near_misses.append(name)
                    case "talk":
                        tallies[event.word].talk += 1
                    case _:
                        tallies[event.word].noises += 1
    progress("costs")
    cpu = [
        Row(
            f"CPU, {count} {'word' if count == 1 else 'words'} (ms per second of sound)",
            [cost],
            limits=_CPU_TARGETS[count],
        )
        for count in _CPU_TARGETS
        for cost in [asyncio.run(cpu_ms(list(models.values())[:count]))]
    ]
    return Result(tallies, seconds, cpu)


def _tally_call(tallies: dict[str, Tally], call: words.Call, events: Sequence[Event]) -> None:
    own = next((e for e in events if e.word == call.word and abs(e.told_s - call.ends_s) < _BEFORE_S), None)
    tally = tallies[call.word]
    follows = "nothing" if call.pause_ms is None else f"{call.pause_ms} ms"
    tally.heard.setdefault(follows, []).append(own is not None)
    for event in events:
        if event is not own:
            tallies[event.word].other_words.append(call.word)
    if own is None:
        return
    tally.after_ms.append((own.told_s - call.ends_s) * 1000)
    tally.left_ms.append(max(0.0, call.ends_s - own.ends_s) * 1000)
    if call.asks_s is not None:
        tally.lost_ms.append(max(0.0, own.ends_s - call.asks_s) * 1000)


async def cpu_ms(listened_for: Sequence[str]) -> float:
    """Return the processor time of the real thread, in ms per second of talk that comes as fast as it is said."""
    triggers = [WakeWordTrigger(word=word) for word in listened_for]
    failures: list[SpeakerError] = []
    wake_words = WakeWords(
        triggers, loop=asyncio.get_running_loop(), on_word=lambda *_: None, on_failure=failures.append
    )
    clock = next(
        time.pthread_getcpuclockid(thread.ident)
        for thread in threading.enumerate()
        if thread.name == "wake-words" and thread.ident is not None
    )
    _, samples = next(words.talk())
    periods = words.as_periods(samples)
    begun_s = used_s = 0.0
    warm = round(1000 / _PERIOD_MS)
    last = warm + round(_CPU_S * 1000 / _PERIOD_MS)
    started_s = time.monotonic()
    for n in range(last):
        if n == warm:  # the engine is loaded by then
            begun_s = time.clock_gettime(clock)
        wake_words.put([periods[n % len(periods)]])
        await asyncio.sleep(started_s + n * _PERIOD_MS / 1000 - time.monotonic())
    used_s = time.clock_gettime(clock) - begun_s
    await wake_words.close()
    if failures:
        raise CannotMeasure(str(failures[0]))
    return used_s * 1000 / _CPU_S


def _text(result: Result, sensitivity: float) -> str:
    lines = [
        f"Wake words at sensitivity {sensitivity:g}: calls heard, by what follows the word, and what was heard wrongly"
    ]
    heads = ["", *next(iter(result.tallies.values())).heard, "all", "near miss", "talk 1/h", "noise 1/h", "other words"]
    lines.append(f"{heads[0]:14}" + "".join(f"{head:>12}" for head in heads[1:]))
    for word, tally in result.tallies.items():
        every = [heard for group in tally.heard.values() for heard in group]
        cells = [f"{sum(group)}/{len(group)}" for group in (*tally.heard.values(), every)]
        cells += [str(len(tally.near_misses)), _per_hour(tally.talk, result.seconds["talk"])]
        cells += [_per_hour(tally.noises, result.seconds["noises"]), str(len(tally.other_words))]
        lines.append(f"{word:14}" + "".join(f"{cell:>12}" for cell in cells))
    lines.append(
        "Without the words: "
        + ", ".join(f"{seconds / 60:.1f} minutes of {kind}" for kind, seconds in result.seconds.items())
    )
    lines += [
        f"Near misses taken for {word}: {', '.join(sorted(set(tally.near_misses)))}"
        for word, tally in result.tallies.items()
        if tally.near_misses
    ]
    return "\n".join(lines)


def _per_hour(count: int, seconds: float) -> str:
    return f"{count * 3600 / seconds:.1f} ({count})"


def _as_json(result: Result, sensitivity: float) -> dict[str, Any]:
    return {
        "sensitivity": sensitivity,
        "words": {
            word: {
                **{key: value for key, value in asdict(tally).items() if not key.endswith("_ms")},
                "heard": {follows: [sum(group), len(group)] for follows, group in tally.heard.items()},
                "rows": [row.as_json() for row in tally.rows(word) if row.ours],
            }
            for word, tally in result.tallies.items()
        },
        "seconds": result.seconds,
        "cpu": [row.as_json() for row in result.cpu],
    }


def main(argv: Sequence[str]) -> int:
    """The command `wake-words`."""
    parser = Parser("wake-words", "how often wake words are heard, and how often where there are none")
    parser.add_argument("--sensitivity", type=float, default=0.5)
    parser.add_argument(
        "--engine", choices=get_args(Kind), default="microWakeWord", help="whose models (microWakeWord)"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    try:
        result = measure(options.sensitivity, models_of(options.engine))
    except SpeakerError as error:
        raise CannotMeasure(error.message) from error
    progress("done")
    if options.json:
        print(json.dumps(_as_json(result, options.sensitivity)))
        return 0
    print(f"{options.engine}: {_text(result, options.sensitivity)}")
    print()
    rows = [row for word, tally in result.tallies.items() for row in tally.rows(word)]
    print(table("Where a word ends, and what listening costs", [*rows, *result.cpu]))
    return 0
