"""The simulated card's file, as tests see it: the header and the two rings of tracks.h."""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

MAGIC: Final = 0x44524143
MAX_TAPS: Final = 8192
PLAYBACK: Final = 0
CAPTURE: Final = 1
_BLOCK_FRAMES: Final = 1024
_TAGS_OFFSET: Final = 65_536


class Header(ctypes.Structure):
    """`struct card` of tracks.h, which says what the fields mean."""

    _fields_ = (
        ("magic", ctypes.c_uint32),
        ("rate_hz", ctypes.c_uint32),
        ("channels", ctypes.c_uint32),
        ("blocks", ctypes.c_uint32),
        ("zero_ns", ctypes.c_uint64),
        ("unplugged", ctypes.c_uint32),
        ("unplug_count", ctypes.c_uint32),
        ("busy", ctypes.c_uint32),
        ("stuck", ctypes.c_uint32),
        ("coarse_pointer", ctypes.c_uint32),
        ("taps", ctypes.c_uint32),
        ("open_delay_ms", ctypes.c_uint32),
        ("params_delay_ms", ctypes.c_uint32),
        ("least_period_ms", ctypes.c_uint32),
        ("most_period_ms", ctypes.c_uint32),
        ("mixer", ctypes.c_uint32),
        ("mixer_volume", ctypes.c_uint32),
        ("mixer_off", ctypes.c_uint32),
        ("voice_channel", ctypes.c_uint32),
        ("refuses", ctypes.c_uint32),
        ("pid", ctypes.c_uint32 * 2),
        ("running", ctypes.c_uint32 * 2),
        ("xruns", ctypes.c_uint32 * 2),
        ("late_frames", ctypes.c_uint64),
        ("captured_until", ctypes.c_uint64),
        ("capture_ppm", ctypes.c_int32),
        ("clip_ceiling", ctypes.c_float),
        ("clip_drive", ctypes.c_float),
        ("noise", ctypes.c_float),
        ("response", ctypes.c_float * MAX_TAPS),
    )


class Track:
    """A ring of blocks of `channels` interleaved samples; a block holds the sound of the last lap it was written in."""

    def __init__(self, tags: npt.NDArray[np.uint64], samples: Samples, channels: int) -> None:
        self._tags = tags
        self._samples = samples.reshape(-1, channels)

    @property
    def frames(self) -> int:
        """How many frames the ring holds."""
        return len(self._samples)

    def read(self, frame: int, frames: int) -> Samples:
        """Return a range, shape (frames, channels): silence where nothing was written, or only in another lap."""
        out = np.zeros((max(frames, 0), self._samples.shape[1]), np.int16)
        for block, slot, ring, here in self._pieces(frame, len(out)):
            if self._tags[slot] == block + 1:
                out[here] = self._samples[ring]
        return out

    def write(self, frame: int, samples: Samples) -> None:
        """Put samples, shape (frames, channels), over what is there."""
        for block, slot, ring, here in self._pieces(frame, len(samples)):
            if self._tags[slot] != block + 1:
                self._samples[slot * _BLOCK_FRAMES : (slot + 1) * _BLOCK_FRAMES] = 0
                self._tags[slot] = block + 1
            self._samples[ring] = samples[here]

    def erase(self, frame: int, frames: int) -> None:
        """Make a range silent without touching what was never written."""
        for block, slot, ring, _ in self._pieces(frame, frames):
            if self._tags[slot] == block + 1:
                self._samples[ring] = 0

    def _pieces(self, frame: int, frames: int) -> Iterator[tuple[int, int, slice, slice]]:
        """Yield (block, slot, where in the ring, where in the caller's array) for each block; before time is nothing."""
        at, end = max(frame, 0), frame + frames
        while at < end:
            block, offset = divmod(at, _BLOCK_FRAMES)
            slot = block % len(self._tags)
            count = min(_BLOCK_FRAMES - offset, end - at)
            start = slot * _BLOCK_FRAMES + offset
            yield block, slot, slice(start, start + count), slice(at - frame, at - frame + count)
            at += count


class Layout:
    """Where things lie in the file of a card of that rate and those channels, with `history_s` of memory."""

    def __init__(self, rate_hz: int, channels: int, history_s: float) -> None:
        self.rate_hz = rate_hz
        self.channels = channels
        self.blocks = max(-(-round(history_s * rate_hz) // _BLOCK_FRAMES), 2)
        self._track_frames = self.blocks * _BLOCK_FRAMES
        self._samples_offset = _TAGS_OFFSET + 2 * 8 * self.blocks
        self.size_bytes = self._samples_offset + 2 * self._track_frames * (1 + channels)

    def header(self, file: mmap.mmap) -> Header:
        """Return the header of a mapped file, with this layout written into it."""
        header = Header.from_buffer(file)
        header.rate_hz = self.rate_hz
        header.channels = self.channels
        header.blocks = self.blocks
        return header

    def tracks(self, file: memoryview) -> tuple[Track, Track]:
        """Return the microphone's and the speaker's track of a mapped file."""
        tags = np.frombuffer(file, np.uint64, 2 * self.blocks, _TAGS_OFFSET)
        samples = np.frombuffer(file, np.int16, self._track_frames * (1 + self.channels), self._samples_offset)
        microphone = Track(tags[: self.blocks], samples[: self._track_frames], 1)
        return microphone, Track(tags[self.blocks :], samples[self._track_frames :], self.channels)
