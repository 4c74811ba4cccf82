"""A PCM of alsa-lib, opened non-blocking: what a card can do, what it is asked for, and its transfers.

Every call releases the interpreter (see `libasound`). One thread uses a handle.
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Sequence
from ctypes import byref, c_int, c_uint, c_ulong, c_ushort, c_void_p
from typing import Final

from device_daemon.audio.alsa import libasound
from device_daemon.audio.alsa.error_handler import quieten
from device_daemon.audio.alsa.libasound import FORMAT_NAMES, PollFd, check

XRUN: Final = -errno.EPIPE
"""What `read`, `write` and `avail` return when the card ran dry, or over, meanwhile."""
_FORMATS: Final = {name: number for number, name in FORMAT_NAMES.items()}
_STREAMS: Final = {"playback": 0, "capture": 1}


class PcmHandle:
    """An open PCM. Raises AlsaError."""

    def __init__(self, direction: str, device: str) -> None:
        quieten()
        self._alsa = libasound.library()
        handle = c_void_p()
        check(self._alsa.snd_pcm_open(byref(handle), device.encode(), _STREAMS[direction], libasound.NONBLOCK))
        self._handle = handle
        self._params = c_void_p()
        self._buffer = ctypes.create_string_buffer(0)
        self._period_frames = 0
        self._frame_bytes = 1
        self._stopped = False
        self._readi = self._alsa.snd_pcm_readi
        try:
            check(self._alsa.snd_pcm_hw_params_malloc(byref(self._params)))
            check(self._alsa.snd_pcm_hw_params_any(handle, self._params))
            check(self._alsa.snd_pcm_hw_params_set_access(handle, self._params, libasound.ACCESS_RW_INTERLEAVED))
        except libasound.AlsaError:
            self.close()
            raise

    # What the card can do, before `configure`

    def formats(self) -> list[str]:
        """Return the sample formats it takes, by alsa-lib's names."""
        test = self._alsa.snd_pcm_hw_params_test_format
        return [name for number, name in FORMAT_NAMES.items() if test(self._handle, self._params, number) == 0]

    def has_rate(self, rate_hz: int) -> bool:
        """Return whether it can run at that rate."""
        return bool(self._alsa.snd_pcm_hw_params_test_rate(self._handle, self._params, rate_hz, 0) == 0)

    def highest_rate_hz(self) -> int:
        """Return the highest rate; one of a million and more means that alsa-lib converts any."""
        highest, direction = c_uint(), c_int()
        check(self._alsa.snd_pcm_hw_params_get_rate_max(self._params, byref(highest), byref(direction)))
        return highest.value

    def channels(self, most: int = 32) -> list[int]:
        """Return the numbers of channels it can have, up to `most`."""
        least, greatest = c_uint(), c_uint()
        check(self._alsa.snd_pcm_hw_params_get_channels_min(self._params, byref(least)))
        check(self._alsa.snd_pcm_hw_params_get_channels_max(self._params, byref(greatest)))
        test = self._alsa.snd_pcm_hw_params_test_channels
        candidates = range(least.value, min(greatest.value, most) + 1)
        return [number for number in candidates if test(self._handle, self._params, number) == 0]

    # What it is asked for

    def configure(
        self, sample_format: str, rate_hz: int, channels: int, period_ms: int, periods: int
    ) -> tuple[int, int, int, int]:
        """Agree on parameters as near as the card allows.

        Returns:
            (rate in Hz, channels, frames of a period, frames of the buffer).
        """
        alsa, pcm, params = self._alsa, self._handle, self._params
        rate, number, direction = c_uint(rate_hz), c_uint(channels), c_int()
        check(alsa.snd_pcm_hw_params_set_format(pcm, params, _FORMATS[sample_format]))
        check(alsa.snd_pcm_hw_params_set_channels_near(pcm, params, byref(number)))
        check(alsa.snd_pcm_hw_params_set_rate_near(pcm, params, byref(rate), byref(direction)))
        period, count = c_ulong(rate.value * period_ms // 1000), c_uint(periods)
        check(alsa.snd_pcm_hw_params_set_period_size_near(pcm, params, byref(period), byref(c_int())))
        check(alsa.snd_pcm_hw_params_set_periods_near(pcm, params, byref(count), byref(c_int())))
        check(alsa.snd_pcm_hw_params(pcm, params))
        buffer = c_ulong()
        check(alsa.snd_pcm_get_params(pcm, byref(buffer), byref(period)))
        self._frame_bytes = number.value * (4 if sample_format == "S32_LE" else 2)
        self._period_frames = period.value
        self._buffer = ctypes.create_string_buffer(period.value * self._frame_bytes)
        return rate.value, number.value, period.value, buffer.value

    def card_number(self) -> int:
        """Return the number of the card behind the name, -1 if there is none."""
        info = c_void_p()
        check(self._alsa.snd_pcm_info_malloc(byref(info)))
        try:
            if self._alsa.snd_pcm_info(self._handle, info) < 0:
                return -1
            return int(self._alsa.snd_pcm_info_get_card(info))
        finally:
            self._alsa.snd_pcm_info_free(info)

    # Transfers

    def read(self) -> tuple[int, bytes]:
        """Return up to one period: (frames, data), (0, b"") if there is nothing yet, (XRUN, b"") if some was lost."""
        frames = self._readi(self._handle, self._buffer, self._period_frames)
        if frames > 0:
            return frames, ctypes.string_at(self._buffer, frames * self._frame_bytes)
        return self._transferred(frames), b""

    def write(self, frames: bytes | memoryview) -> int:
        """Return how many frames the card took; XRUN if it ran dry, and nothing was taken."""
        if self._stopped:
            self.prepare()
        return self._transferred(
            self._alsa.snd_pcm_writei(self._handle, bytes(frames), len(frames) // self._frame_bytes)
        )

    def _transferred(self, result: int) -> int:
        if result >= 0:
            return result
        if result == -errno.EAGAIN:
            return 0
        if result in {-errno.EPIPE, -errno.ESTRPIPE}:  # the second: the machine slept
            check(self._alsa.snd_pcm_recover(self._handle, result, 1))
            return XRUN
        return check(result)

    def avail(self) -> int:
        """Return how many frames may be written, or read, now; XRUN if the card ran dry, or over."""
        if self._stopped:
            self.prepare()  # of a stopped card the kernel's drivers do not say: EBADFD
        frames = int(self._alsa.snd_pcm_avail(self._handle))
        return XRUN if frames in {-errno.EPIPE, -errno.ESTRPIPE} else check(frames)

    def drop(self) -> None:
        """Stop at once."""
        check(self._alsa.snd_pcm_drop(self._handle))
        self._stopped = True

    def start(self) -> None:
        """Start it, as the first transfer does."""
        check(self._alsa.snd_pcm_start(self._handle))

    def prepare(self) -> None:
        """Make a stopped card ready, so that the next write starts it at once."""
        check(self._alsa.snd_pcm_prepare(self._handle))
        self._stopped = False

    def state(self) -> int:
        """Return snd_pcm_state_t."""
        return int(self._alsa.snd_pcm_state(self._handle))

    # For poll(2)

    def poll_descriptors(self) -> list[tuple[int, int]]:
        """Return (descriptor, events) to be polled."""
        count = check(self._alsa.snd_pcm_poll_descriptors_count(self._handle))
        found = (PollFd * count)()
        check(self._alsa.snd_pcm_poll_descriptors(self._handle, found, count))
        return [(entry.fd, entry.events & 0xFFFF) for entry in found]

    def poll_events(self, polled: Sequence[tuple[int, int]]) -> int:
        """Return what poll() found on the descriptors, as events of the PCM."""
        found, events = (PollFd * len(polled))(*(PollFd(fd, 0, revents) for fd, revents in polled)), c_ushort()
        check(self._alsa.snd_pcm_poll_descriptors_revents(self._handle, found, len(polled), byref(events)))
        return events.value

    def close(self) -> None:
        """Close it, and whatever the card says to that, it is closed. What was not played is not waited for."""
        self._alsa.snd_pcm_drop(self._handle)
        self._alsa.snd_pcm_hw_params_free(self._params)
        self._alsa.snd_pcm_close(self._handle)
