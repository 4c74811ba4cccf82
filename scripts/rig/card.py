"""The simulated sound card and the room around it: say something, and read what was heard and when.

The card is an alsa-lib plugin (simcard.c) over one memory-mapped file; this is the other side of that file. Programs
open it by its ALSA names, under the environment of `SimulatedCard.environment()`:

- `simcard` is the card as it is, with its own rate and channels only, like a `hw:` device;
- `simplug` and `default` are the card through alsa-lib's conversions, like a `plughw:` device.

Times are `time.monotonic()` seconds throughout. Each track is a ring of `history_s`: half of it is memory, the other
half is how far ahead something can be said. So a conversation of any length is possible.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import struct
import time
import wave
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from scripts.rig.plugin import build_plugin, write_configuration
from scripts.rig.tracks import CAPTURE, MAGIC, MAX_TAPS, PLAYBACK, Layout, Samples
from scripts.rig.utterance import VOICE_RATE_HZ, resample, utterance

__all__ = ["SimulatedCard", "utterance"]

SILENCE_PEAK: Final = 33  # -60 dBFS
MIXER_STEPS: Final = 207
MIXER_LEAST_DB: Final = -103.5
_SAY_LEAD_S: Final = 0.02
_LOOK_AGAIN_S: Final = 0.005
_FLOCK: Final = "hhqqi4x"  # struct flock, which Python's fcntl takes as bytes


_BOTH: Final = (PLAYBACK, CAPTURE)


def _bits(directions: Sequence[int]) -> int:
    """One bit for each direction; both, if none is named."""
    return sum(1 << direction for direction in directions or _BOTH)


def _close_all(files: list[int]) -> None:
    for file in files:
        os.close(file)


class SimulatedCard:
    """A sound card in a folder, which exists as long as this object does.

    `rate_hz` and `channels` are the card's own (16-bit samples, always); with `coarse_pointer` its position moves in
    whole periods, as many cards' does; its periods are as long as `period_ms` (least, most) allows; `echo_gain` and
    `echo_delay_ms` are a room with one wall (see `set_echo`). With `mixer` it has one, of which `voice_channel` is no
    part: that is the only channel that hears anything, as of a microphone array.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rate_hz: int = VOICE_RATE_HZ,
        channels: int = 1,
        coarse_pointer: bool = False,
        period_ms: tuple[int, int] = (1, 1000),
        mixer: bool = False,
        voice_channel: int | None = None,
        echo_gain: float = 0.0,
        echo_delay_ms: float = 2.0,
        history_s: float = 600.0,
    ) -> None:
        self._library = build_plugin()
        self.rate_hz = rate_hz
        self.channels = channels
        layout = Layout(rate_hz, channels, history_s)
        # Memory, not a file on a disk: a page that is being written back would stall the plugin, which shows as an xrun.
        self._file = os.memfd_create("simcard", os.MFD_CLOEXEC)
        self._files = [self._file]
        weakref.finalize(self, _close_all, self._files)
        os.ftruncate(self._file, layout.size_bytes)
        mapped = mmap.mmap(self._file, layout.size_bytes)
        self._microphone, self._speaker = layout.tracks(memoryview(mapped))
        self._zero_ns = time.monotonic_ns()
        self._header = layout.header(mapped)
        self._header.zero_ns = self._zero_ns
        self._header.coarse_pointer = coarse_pointer
        self._header.least_period_ms, self._header.most_period_ms = period_ms
        self._header.mixer, self._header.mixer_volume = mixer, MIXER_STEPS // 3
        self._header.voice_channel = 0 if voice_channel is None else voice_channel + 1
        self._header.magic = MAGIC
        if echo_gain:
            self.set_echo([(echo_delay_ms, echo_gain)])
        folder.mkdir(parents=True, exist_ok=True)
        self._configuration = folder.absolute() / "asound.conf"
        self._suffix = ""
        self._configure()

    def _configure(self) -> None:
        file = Path(f"/proc/{os.getpid()}/fd/{self._files[-1]}")
        write_configuration(self._configuration, self._library, file, self._suffix)

    def environment(self) -> dict[str, str]:
        """Return what to add to a program's environment so that this is its sound card."""
        return {"ALSA_CONFIG_PATH": str(self._configuration)}

    @contextlib.contextmanager
    def in_this_process(self) -> Iterator[None]:
        """Make this the sound card of the process itself, for as long as the context lasts."""
        before = {name: os.environ.get(name) for name in self.environment()}
        os.environ.update(self.environment())
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value

    # Time

    def frame_at(self, monotonic_s: float) -> int:
        """Return the number of the frame that sounds at a time; frame 0 is the first one after the card was made."""
        return (round(monotonic_s * 1e9) - self._zero_ns) * self.rate_hz // 1_000_000_000

    def now_frame(self) -> int:
        """Return the number of the frame that sounds now."""
        return (time.monotonic_ns() - self._zero_ns) * self.rate_hz // 1_000_000_000

    def time_of(self, frame: int) -> float:
        """Return when a frame begins to sound."""
        # Rounded up, so that frame_at(time_of(frame)) is the frame again.
        return (self._zero_ns - (-frame * 1_000_000_000 // self.rate_hz)) / 1e9

    # The person in the room

    def say(self, pcm: bytes | Samples, at_s: float | None = None) -> float:
        """Say 24 kHz mono samples into the microphone from `at_s` on (at once, if None); return when that begins.

        It replaces what was to be said at that time. What lies in the past was too late for the microphone.
        """
        samples = np.frombuffer(pcm, np.int16) if isinstance(pcm, bytes) else pcm
        samples = resample(samples, VOICE_RATE_HZ, self.rate_hz)
        frame = self.frame_at(time.monotonic() + _SAY_LEAD_S if at_s is None else at_s)
        self._check_within_ring(frame, frame + len(samples))
        self._microphone.write(frame, samples.reshape(-1, 1))
        return self.time_of(frame)

    def stop_saying(self) -> None:
        """Say nothing more from now on, whatever was to be said."""
        self._microphone.erase(self.now_frame(), self._microphone.frames // 2)

    def said(self, start_s: float, end_s: float) -> Samples:
        """Return what was said between two times, shape (frames,) at the card's rate, without echo."""
        start, end = self.frame_at(start_s), self.frame_at(end_s)
        self._check_within_ring(start, end)
        return self._microphone.read(start, end - start)[:, 0]

    # What the speaker played

    def heard(self, start_s: float, end_s: float, channel: int = 0) -> Samples:
        """Return what was heard between two times, to the sample, shape (frames,) at the card's rate.

        For times to come: what will be heard if the program does nothing more.
        """
        start, end = self.frame_at(start_s), self.frame_at(end_s)
        self._check_within_ring(start, end)
        return self._speaker.read(start, end - start)[:, channel]

    def first_sound_after(self, after_s: float, threshold: int = SILENCE_PEAK) -> float | None:
        """Return when the first sample louder than `threshold` was heard after a time, or None so far."""
        loud = self._loud_frames(self.frame_at(after_s), self.now_frame(), threshold)
        return self.time_of(loud[0]) if loud else None

    def last_sound_before(
        self, before_s: float, threshold: int = SILENCE_PEAK, *, after_s: float = 0.0
    ) -> float | None:
        """Return when the last sample louder than `threshold` between two times was over, or None if there was none."""
        loud = self._loud_frames(self.frame_at(after_s), self.frame_at(before_s), threshold)
        return self.time_of(loud[1] + 1) if loud else None

    def wait_for_sound(self, after_s: float, deadline_s: float = 5.0, threshold: int = SILENCE_PEAK) -> float:
        """Block until something was heard after a time, and return when; `TimeoutError` in `deadline_s` from now."""
        give_up_s = time.monotonic() + deadline_s
        start = self.frame_at(after_s)
        while True:
            now = self.now_frame()
            if loud := self._loud_frames(start, now, threshold):
                return self.time_of(loud[0])
            if time.monotonic() > give_up_s:
                raise TimeoutError(f"the speaker stayed silent for {deadline_s} s")
            start = max(start, now)
            time.sleep(_LOOK_AGAIN_S)

    def wait_for_silence(
        self, after_s: float, silence_ms: float = 200.0, deadline_s: float = 10.0, threshold: int = SILENCE_PEAK
    ) -> float:
        """Block until nothing was heard for `silence_ms` after a time, and return when that silence began.

        That is `after_s` itself if nothing was heard since. `TimeoutError` in `deadline_s` from now.
        """
        give_up_s = time.monotonic() + deadline_s
        silence_frames = round(silence_ms * self.rate_hz / 1000)
        quiet_since = start = self.frame_at(after_s)
        while True:
            now = self.now_frame()
            if loud := self._loud_frames(start, now, threshold):
                quiet_since = loud[1] + 1
            if now - quiet_since >= silence_frames:
                return self.time_of(quiet_since)
            if time.monotonic() > give_up_s:
                raise TimeoutError(f"the speaker was never silent for {silence_ms} ms within {deadline_s} s")
            start = max(start, now)
            time.sleep(_LOOK_AGAIN_S)

    # The room

    def set_echo(self, taps: Sequence[tuple[float, float]]) -> None:
        """Let the microphone hear the speaker: (delay in ms, gain) of each way through the room."""
        frames = [(round(delay_ms * self.rate_hz / 1000), gain) for delay_ms, gain in taps]
        response = np.zeros(max((delay for delay, _ in frames), default=-1) + 1)
        for delay, gain in frames:
            response[delay] += gain
        self.set_room(response)

    def set_room(
        self,
        response: npt.NDArray[np.float64],
        *,
        clip_ceiling: float = 0.0,
        clip_drive: float = 1.0,
        noise: float = 0.0,
        capture_ppm: int = 0,
    ) -> None:
        """Put the card into a room (see acoustics.py).

        Args:
            response: impulse response from speaker to microphone at the card's rate, shape (n,), n <= 8192.
            clip_ceiling: the loudspeaker's sound never exceeds it (soft, as tanh); 0 is a linear loudspeaker.
            clip_drive: its gain before it clips.
            noise: white noise, effective value in units of a 16-bit sample.
            capture_ppm: how much faster than the playback clock the microphone's runs; set it before it is opened.
        """
        if len(response) > MAX_TAPS:
            raise ValueError(f"an impulse response has at most {MAX_TAPS} samples here")
        header = self._header
        header.taps = 0  # while it changes there is no echo
        header.response[: len(response)] = list(response)
        header.clip_ceiling, header.clip_drive = clip_ceiling, clip_drive
        header.noise, header.capture_ppm = noise, capture_ppm
        header.taps = len(response)

    def save_wav(self, path: Path, start_s: float, end_s: float) -> None:
        """Write what a listener in the room hears: the person on the left, the speaker on the right."""
        both = np.stack([self.said(start_s, end_s), self.heard(start_s, end_s)], axis=1)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(self.rate_hz)
            file.writeframes(both.tobytes())

    # Faults: of the whole card, or of one direction (tracks.PLAYBACK, tracks.CAPTURE) as if each were a device of its own

    def unplug(self, *only: int) -> None:
        """Pull the card out: open PCMs are woken and fail with ENODEV for good, and it cannot be opened."""
        for direction in only or _BOTH:
            count = (self._header.unplug_count >> 16 * direction) + 1 & 0xFFFF
            others = self._header.unplug_count & ~(0xFFFF << 16 * direction)
            self._header.unplug_count = others | count << 16 * direction
        self._header.unplugged |= _bits(only)
        self._wake_programs()

    def plug(self) -> None:
        """Put the card back: it can be opened again. PCMs that were open when it went stay dead."""
        self._header.unplugged = 0

    @property
    def busy(self) -> bool:
        """Whether opening fails with EBUSY, as if another program had the card; settable."""
        return bool(self._header.busy)

    @busy.setter
    def busy(self, busy: bool) -> None:
        self._header.busy = _bits(()) if busy else 0

    def occupy(self, *only: int) -> None:
        """Let opening fail with EBUSY; `busy = False` ends it."""
        self._header.busy |= _bits(only)

    @property
    def stuck(self) -> bool:
        """Whether nothing moves and nobody is woken, as under a dead sound server; settable."""
        return bool(self._header.stuck)

    @stuck.setter
    def stuck(self, stuck: bool) -> None:
        self._header.stuck = _bits(()) if stuck else 0
        self._wake_programs()

    def stall(self, *only: int) -> None:
        """Let nothing move; `stuck = False` ends it."""
        self._header.stuck |= _bits(only)
        self._wake_programs()

    def be_slow(self, *, open_ms: int = 0, params_ms: int = 0) -> None:
        """Take so long from now on to be opened, and to agree on parameters, as some drivers do."""
        self._header.open_delay_ms = open_ms
        self._header.params_delay_ms = params_ms

    def refuse(self, *only: int) -> None:
        """Let a program that opens it fail when it sets the parameters, rate and all, that the card has; `accept` ends it."""
        self._header.refuses |= _bits(only)

    def accept(self) -> None:
        """Take the parameters that it has."""
        self._header.refuses = 0

    def renumber(self) -> None:
        """Be another device file from now on, behind the same ALSA names; pull it out for that."""
        self._files.append(os.dup(self._file))
        self._configure()

    def rename(self, suffix: str) -> None:
        """Have this behind its ALSA names from now on ("" for none), and be the default only without; pull it out for that."""
        if suffix != self._suffix:
            self._suffix = suffix
            self._configure()

    def lose_mixer(self) -> None:
        """Have no mixer from now on."""
        self._header.mixer = 0

    @property
    def mixer_db(self) -> float:
        """To what its mixer is set, -103.5 to 0 dB; the samples are not scaled by it."""
        return MIXER_LEAST_DB * (1 - int(self._header.mixer_volume) / MIXER_STEPS)

    @property
    def mixer_off(self) -> bool:
        """Whether its mixer is switched off; settable."""
        return bool(self._header.mixer_off)

    @mixer_off.setter
    def mixer_off(self, off: bool) -> None:
        self._header.mixer_off = off

    # What programs do with the card

    @property
    def microphone_open(self) -> bool:
        """Whether any program has the microphone open."""
        return self._is_open(CAPTURE)

    @property
    def speaker_open(self) -> bool:
        """Whether any program has the speaker open."""
        return self._is_open(PLAYBACK)

    @property
    def microphone_running(self) -> bool:
        """Whether sound is being captured; an open microphone can be at rest."""
        return self.microphone_open and bool(self._header.running[CAPTURE])

    @property
    def speaker_running(self) -> bool:
        """Whether the speaker is being played to; an open speaker can be at rest."""
        return self.speaker_open and bool(self._header.running[PLAYBACK])

    @property
    def microphone_pid(self) -> int | None:
        """The process that has the microphone open."""
        return int(self._header.pid[CAPTURE]) if self.microphone_open else None

    @property
    def speaker_pid(self) -> int | None:
        """The process that has the speaker open."""
        return int(self._header.pid[PLAYBACK]) if self.speaker_open else None

    @property
    def captured_until_s(self) -> float:
        """The end of the last sound that a program got from the microphone; the card's making, if none did."""
        return self.time_of(int(self._header.captured_until))

    @property
    def overruns(self) -> int:
        """How often the microphone was read too late."""
        return int(self._header.xruns[CAPTURE])

    @property
    def underruns(self) -> int:
        """How often the speaker ran dry without drop() or drain()."""
        return int(self._header.xruns[PLAYBACK])

    @property
    def late_ms(self) -> float:
        """How much was written when its moment had passed, and so was never heard; coarse pointers allow that."""
        return float(self._header.late_frames) * 1000 / self.rate_hz

    def _is_open(self, direction: int) -> bool:
        """Ask the kernel for the lock that an open PCM holds: that is right even when its program was killed."""
        lock = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, direction, 1, 0)
        answer = fcntl.fcntl(self._file, fcntl.F_OFD_GETLK, lock)
        return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)

    def _wake_programs(self) -> None:
        os.utime(self._file)  # the plugin watches the file's attributes

    def _check_within_ring(self, start: int, end: int) -> None:
        half, now = self._speaker.frames // 2, self.now_frame()
        if max(start, 0) < now - half or end > now + half:
            raise ValueError(f"the card knows {half / self.rate_hz:.0f} s back and ahead: give it a longer history_s")

    def _loud_frames(self, start: int, end: int, threshold: int) -> tuple[int, int] | None:
        """Return the first and the last loud frame of a range, as far as the ring remembers it."""
        start = max(start, end - self._speaker.frames // 2)
        frames = self._speaker.read(start, end - start).astype(np.int32)
        loud = np.flatnonzero(np.abs(frames).max(axis=1, initial=0) > threshold)
        return (start + int(loud[0]), start + int(loud[-1])) if len(loud) else None
