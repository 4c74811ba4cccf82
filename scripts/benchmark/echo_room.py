"""A room with a speaker that talks and a person who talks over it, sample by sample: for the echo benchmark."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from device_daemon.audio.pcm import SAMPLE_RATE_HZ
from scripts.rig.acoustics import Wave, impulse_response, rms, soft_clip
from scripts.rig.utterance import utterance

CHUNK: Final = SAMPLE_RATE_HZ * 60 // 1000
"""The uplink's cadence, in frames."""
_AHEAD_CHUNKS: Final = 2
"""So far ahead of what sounds the listener knows it: a service sends faster than is heard, a player fills its card's buffer."""
ECHO_LEVEL: Final = 2_000.0
_SPOKEN_LEVEL: Final = 3_000.0
_CLIP_AT: Final = 3.0
"""Times the effective value: speech has peaks of 4 to 6 times that, so its loud vowels are distorted by some 10 %."""
NOISE_LEVEL: Final = 15.0
SENTENCES: Final = (
    "The weather in the mountains will be sunny in the morning and cloudy later on, with a light wind from the west.",
    "You can bake the bread for forty minutes at two hundred degrees and then let it rest.",
    "The museum opens at ten o'clock and the guided tour through the old town starts at noon.",
    "I have found three recipes that need potatoes, onions and a little cream.",
)


@dataclass(frozen=True)
class Room:
    """What lies between the loudspeaker and the microphone."""

    name: str
    clips: bool = False
    drift_ppm: float = 0.0


ROOMS: Final = (Room("linear"), Room("clipping", clips=True), Room("clipping, 200 ppm", clips=True, drift_ppm=200.0))


class Listener(Protocol):
    """Whoever needs to know what the loudspeaker plays."""

    def plays(self, sound: bytes, at_s: float) -> None:
        """It will play a sound from a time on, behind the one before."""

    def stops(self, at_s: float) -> None:
        """It falls silent: nothing from then on was heard."""


class Loudspeaker:
    """Plays sentence after sentence; can be stopped, and begins anew a while later."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._sentences = itertools.cycle([self._loud(utterance(text)) for text in SENTENCES])
        self._now = np.empty(0)
        self._ahead: deque[Wave] = deque()
        self._silent_until = 0
        self._position = 0
        self.talking = False

    def _loud(self, samples: np.ndarray[tuple[int], np.dtype[np.int16]]) -> Wave:
        wave = samples.astype(np.float64)
        return np.concatenate([wave * (_SPOKEN_LEVEL / rms(wave)), np.zeros(SAMPLE_RATE_HZ // 4)])

    def chunk(self) -> Wave:
        """Return the next 60 ms that sound, and say so to the listener."""
        start = self._position
        self._position += CHUNK
        if start < self._silent_until:
            return np.zeros(CHUNK)
        self.talking = True
        while len(self._ahead) <= _AHEAD_CHUNKS:
            sound = self._next()
            self._listener.plays(sound.astype(np.int16).tobytes(), (start + len(self._ahead) * CHUNK) / SAMPLE_RATE_HZ)
            self._ahead.append(sound)
        return self._ahead.popleft() * (ECHO_LEVEL / _SPOKEN_LEVEL)

    def _next(self) -> Wave:
        while len(self._now) < CHUNK:
            self._now = np.concatenate([self._now, next(self._sentences)])
        sound, self._now = np.rint(self._now[:CHUNK]), self._now[CHUNK:]
        return sound

    def stop(self, for_s: float) -> None:
        """Fall silent at once, and for a while."""
        if self.talking:
            self._listener.stops(self._position / SAMPLE_RATE_HZ)
        self.talking = False
        self._now = np.empty(0)
        self._ahead.clear()
        self._silent_until = self._position + round(for_s * SAMPLE_RATE_HZ)


class Microphone:
    """What a microphone in a room captures, chunk by chunk of its own clock."""

    def __init__(self, room: Room, loudspeaker: Loudspeaker, seed: int) -> None:
        self._room = room
        self._loudspeaker = loudspeaker
        self._response = impulse_response(seed=seed)
        self._past = np.zeros(len(self._response) - 1)
        self._random = np.random.default_rng(seed)
        self._sound = np.empty(0)  # of the room, from `_first` on
        self._first = 0.0
        self._person: list[tuple[int, Wave]] = []
        self._made = 0

    def say(self, at_frame: int, wave: Wave) -> None:
        """Have a person speak from a frame of the room's clock on."""
        self._person.append((at_frame, wave))

    def chunk(self) -> tuple[bytes, float]:
        """Return the next chunk, and when it began by the room's clock."""
        step = 1.0 / (1.0 + self._room.drift_ppm * 1e-6)
        needed = CHUNK * step + 2
        while len(self._sound) - self._first < needed:
            self._sound = np.concatenate([self._sound[int(self._first) :], self._make()])
            self._first -= int(self._first)
        places = self._first + np.arange(CHUNK) * step
        heard = np.interp(places, np.arange(len(self._sound)), self._sound)
        begins_at_s = (self._made - len(self._sound) + self._first) / SAMPLE_RATE_HZ
        self._first += CHUNK * step
        return np.clip(np.rint(heard), -32768, 32767).astype(np.int16).tobytes(), begins_at_s

    def _make(self) -> Wave:
        played = self._loudspeaker.chunk()
        if self._room.clips:
            played = soft_clip(played, ceiling=_CLIP_AT * ECHO_LEVEL)
        window = np.concatenate([self._past, played])
        self._past = window[-len(self._past) :]
        sound = _convolved(window, self._response)[-CHUNK:] + self._random.standard_normal(CHUNK) * NOISE_LEVEL
        for at, wave in self._person:
            begin, end = max(at, self._made), min(at + len(wave), self._made + CHUNK)
            if begin < end:
                sound[begin - self._made : end - self._made] += wave[begin - at : end - at]
        self._made += CHUNK
        return sound


def _convolved(window: Wave, response: Wave) -> Wave:
    size = 1 << (len(window) + len(response) - 1).bit_length()
    spectrum = np.fft.rfft(window, size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[: len(window)]
