"""Echo cancelling measured by what people notice: does the speaker interrupt itself, can it be interrupted?

The device's own code (reference by time, canceller) and the local service's turn detection, in simulated rooms, faster than
real time. In each room the speaker talks for minutes with nobody there, then a person talks over it again and again.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ
from device_daemon.localservice.vad import TurnDetector, TurnSettings, TurnStarted
from scripts.benchmark.command_line import CannotMeasure, Parser, count, progress
from scripts.benchmark.echo_room import CHUNK, ECHO_LEVEL, NOISE_LEVEL, ROOMS, Loudspeaker, Microphone, Room
from scripts.benchmark.echo_ways import WAYS
from scripts.rig.acoustics import Wave, rms
from scripts.rig.utterance import utterance

INTERRUPTION_EVERY_S: Final = 8.0
WITHIN_MS: Final = 250
"""How much later than without any echo an interruption should be noticed."""
TURNS: Final = TurnSettings(speech_duration_ms=80, silence_duration_ms=300, speech_duration_assistant_speaking_ms=200)
HEARD_WITHIN_S: Final = 1.5
"""After the person's last sound: later, the speaker noticed something else."""
INTERRUPTIONS: Final = (
    ("please stop, what about tomorrow", "en-us+f3"),
    ("wait a moment, I wanted something else", "en-gb+m3"),
    ("no, tell me about the afternoon", "en-us+f4"),
    ("thank you, that is enough for now", "en-gb+m5"),
)


@dataclass
class Result:
    """What was seen in one room with one way."""

    self_interruptions: int = 0
    said: int = 0
    heard: int = 0
    delays_ms: list[float] = field(default_factory=list)
    """From the person's first sound until the turn detection has it."""
    beyond_ms: list[float] = field(default_factory=list)
    """The same, minus what the turn detection needs for the same words where no loudspeaker sounds."""
    correlations: list[float] = field(default_factory=list)
    """Of what arrived after the speaker fell silent with what was said."""
    cpu_ms_per_s: float = 0.0


class Session:
    """A speaker and a room, run chunk by chunk."""

    def __init__(self, room: Room, way: str, seed: int) -> None:
        self._way = WAYS[way]()
        self._loudspeaker = Loudspeaker(self._way)
        self.microphone = Microphone(room, self._loudspeaker, seed)
        self._detector = TurnDetector(TURNS, SAMPLE_RATE_HZ, 0)
        self.arrived: list[bytes] = []
        self.cpu_s = 0.0
        self.frames = 0

    def run(self, chunks: int) -> Iterator[float]:
        """Run, and yield when (by the arrived audio) somebody was found to speak over the speaker, which then stops."""
        for _ in range(chunks):
            near, begins_at_s = self.microphone.chunk()
            begun_s = time.thread_time()
            out = self._way.process(near, begins_at_s)
            self.cpu_s += time.thread_time() - begun_s
            self.arrived.append(out)
            self.frames += len(out) // BYTES_PER_FRAME
            for turn in self._detector.feed(np.frombuffer(out, np.int16), assistant_speaking=True):
                if isinstance(turn, TurnStarted) and self._loudspeaker.talking:
                    yield self.frames / SAMPLE_RATE_HZ
                    self._loudspeaker.stop(for_s=3.5)


def alone(room: Room, way: str, minutes: float, seed: int) -> tuple[int, float]:
    """Return how often the speaker interrupted itself, and the processor time in ms per second."""
    session = Session(room, way, seed)
    chunks = round(minutes * 60 * SAMPLE_RATE_HZ / CHUNK)
    interruptions = sum(1 for _ in session.run(chunks))
    return interruptions, session.cpu_s * 1000 / (minutes * 60)


def interrupted(room: Room, way: str, number: int, level_db: float, seed: int) -> Result:
    """Return how many of a person's interruptions were heard, and what arrived of the words after them."""
    session = Session(room, way, seed)
    result = Result()
    people = [utterance(text, voice).astype(np.float64) for text, voice in INTERRUPTIONS]
    people = [wave * (ECHO_LEVEL / rms(wave)) * 10 ** (level_db / 20) for wave in people]
    without_echo_ms = [turn_detection_ms(wave, seed) for wave in people]
    starts: list[tuple[float, Wave]] = []
    for index in range(number):
        wave = people[index % len(people)]
        at_s = 6.0 + index * INTERRUPTION_EVERY_S
        session.microphone.say(round(at_s * SAMPLE_RATE_HZ), wave)
        starts.append((at_s, wave))
    chunks = round((8.0 + number * INTERRUPTION_EVERY_S) * SAMPLE_RATE_HZ / CHUNK)
    found = list(session.run(chunks))
    arrived = np.frombuffer(b"".join(session.arrived), np.int16).astype(np.float64)
    for index, (at_s, wave) in enumerate(starts):
        result.said += 1
        until_s = at_s + len(wave) / SAMPLE_RATE_HZ + HEARD_WITHIN_S
        hit = next((found_s for found_s in found if at_s < found_s <= until_s), None)
        if hit is None:
            continue
        result.heard += 1
        result.delays_ms.append((hit - at_s) * 1000)
        result.beyond_ms.append(result.delays_ms[-1] - without_echo_ms[index % len(people)])
        pace = 1 + room.drift_ppm * 1e-6  # the microphone's clock, in which things arrive, against the room's
        if (similar := _similarity(arrived, _paced(wave, pace), at_s * pace, hit)) is not None:
            result.correlations.append(similar)
    result.self_interruptions = sum(
        1
        for found_s in found
        if not any(at < found_s <= at + len(wave) / SAMPLE_RATE_HZ + HEARD_WITHIN_S for at, wave in starts)
    )
    return result


def turn_detection_ms(wave: Wave, seed: int) -> float:
    """Return how long the turn detection itself needs for a person's words, in the same noise and without any echo."""
    quiet = SAMPLE_RATE_HZ  # the detector learns the noise
    near = np.random.default_rng(seed).standard_normal(quiet + len(wave)) * NOISE_LEVEL
    near[quiet:] += wave
    detector = TurnDetector(TURNS, SAMPLE_RATE_HZ, 0)
    for at in range(0, len(near), CHUNK):
        chunk = near[at : at + CHUNK]
        if detector.feed(np.rint(chunk).astype(np.int16), assistant_speaking=True):
            return (at + len(chunk) - quiet) * 1000 / SAMPLE_RATE_HZ
    raise CannotMeasure("the turn detection does not hear these words at all: is espeak-ng's voice installed?")


def _paced(wave: Wave, pace: float) -> Wave:
    return np.interp(np.arange(int(len(wave) * pace)) / pace, np.arange(len(wave)), wave)


def _similarity(arrived: Wave, wave: Wave, at_s: float, hit_s: float) -> float | None:
    """Correlate what arrived once the speaker was silent (300 ms after the hit) with the words said then."""
    skip = round((hit_s - at_s + 0.3) * SAMPLE_RATE_HZ)
    words = wave[skip:]
    if len(words) < SAMPLE_RATE_HZ // 2:
        return None
    start = round(at_s * SAMPLE_RATE_HZ) + skip
    margin = SAMPLE_RATE_HZ // 20
    window = arrived[start - margin : start + len(words) + margin]
    if len(window) < len(words) + 2 * margin:
        return None
    size = 1 << (len(window) + len(words)).bit_length()
    products = np.fft.irfft(np.fft.rfft(window, size) * np.conj(np.fft.rfft(words, size)), size)[: 2 * margin + 1]
    best = int(np.argmax(products))
    piece = window[best : best + len(words)]
    return float(products[best] / (np.linalg.norm(piece) * np.linalg.norm(words) + 1e-9))


def main(argv: Sequence[str]) -> int:
    """`scripts/bench echo`."""
    parser = Parser("echo", "Does the speaker interrupt itself, and can it be interrupted?")
    parser.add_argument("--minutes", type=count, default=10, help="how long the speaker talks to nobody (10)")
    parser.add_argument("--interruptions", type=count, default=60, help="how often it is talked over, per level (60)")
    parser.add_argument("--way", action="append", choices=list(WAYS), help="only this way; can be given again")
    parser.add_argument(
        "--room", action="append", choices=[room.name for room in ROOMS], help="only this room; can be given again"
    )
    parser.add_argument("--seed", type=int, default=1)
    options: argparse.Namespace = parser.parse_args(argv)
    print(
        "| way | room | interrupted itself | heard, as loud | heard, 6 dB softer | delay ms (p50, p95, largest) | "
        f"beyond turn detection, as loud (p50, p95, largest; over {WITHIN_MS}) | the same, 6 dB softer | words after | CPU ms/s |"
    )
    print("|" + " --- |" * 10)
    ways, rooms = options.way or list(WAYS), [room for room in ROOMS if room.name in (options.room or room.name)]
    for way, room in itertools.product(ways, rooms):
        progress(f"{way}, {room.name}")
        itself, cpu = alone(room, way, options.minutes, options.seed)
        loud = interrupted(room, way, options.interruptions, 0.0, options.seed + 1)
        soft = interrupted(room, way, options.interruptions, -6.0, options.seed + 2)
        words = sorted(loud.correlations + soft.correlations) or [float("nan")]
        print(
            f"| {way} | {room.name} | {itself} in {options.minutes} min, {loud.self_interruptions + soft.self_interruptions} "
            f"between interruptions | {loud.heard} of {loud.said} | {soft.heard} of {soft.said} | "
            f"{_spread(loud.delays_ms + soft.delays_ms)} | {_beyond(loud)} | {_beyond(soft)} | "
            f"{words[len(words) // 2]:.2f} (least {words[0]:.2f}) | {cpu:.1f} |",
            flush=True,
        )
    return 0


def _spread(values_ms: list[float]) -> str:
    values = sorted(values_ms)
    if not values:
        return "-"
    return f"{values[len(values) // 2]:.0f}, {values[int(len(values) * 0.95)]:.0f}, {values[-1]:.0f}"


def _beyond(result: Result) -> str:
    """What was not heard at all is late, too."""
    late = sum(1 for ms in result.beyond_ms if ms > WITHIN_MS) + result.said - result.heard
    return f"{_spread(result.beyond_ms)}; {late}"
