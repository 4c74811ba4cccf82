"""Acoustic echo cancellers that run on the device, behind one interface.

Both take 10 ms frames of 24 kHz mono S16LE and keep the interpreter free while they work. What each can do was measured
in simulated rooms (scripts/bench echo):

- `Aec3`, WebRTC's AEC3 (package pywebrtc-audio): follows a loudspeaker that clips and clocks that drift; the person's
  voice gets quieter while both talk. The default.
- `SpeexDsp`, Debian's libspeexdsp: leaves the person's voice as it is, but lets the echo through where the loudspeaker
  is not linear.
"""

from __future__ import annotations

import ctypes
import importlib.util
from typing import Any, Final, Protocol

from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ

FRAME_MS: Final = 10
FRAME_BYTES: Final = FRAME_MS * SAMPLE_RATE_HZ // 1000 * BYTES_PER_FRAME
_FRAME_SAMPLES: Final = FRAME_BYTES // BYTES_PER_FRAME
_SPEEXDSP: Final = "libspeexdsp.so.1"
_TAIL_MS: Final = 150
"""How long a room's echo lasts that the Speex filter can learn; AEC3 chooses for itself."""


class Canceller(Protocol):
    """Removes the loudspeaker's echo from the microphone's audio. Not thread-safe."""

    def process(self, near: bytes, far: bytes) -> bytes:
        """Return `near` without its echo.

        Args:
            near: 10 ms from the microphone (FRAME_BYTES).
            far: what the loudspeaker played while `near` was captured (FRAME_BYTES).
        """


class Aec3:
    """WebRTC's AEC3 through pywebrtc-audio. It finds the room's delay by itself and follows it."""

    def __init__(self) -> None:
        """Load the library; see `unavailable` for whether it is there."""
        import numpy as np  # noqa: PLC0415 - 110 ms of the start, and only this mode needs it
        from pywebrtc_audio import AudioProcessor  # noqa: PLC0415 - an optional package

        self._frombuffer: Any = np.frombuffer
        self._int16 = np.int16
        self._processor: Any = AudioProcessor(
            sample_rate=SAMPLE_RATE_HZ,
            echo_cancellation=True,
            noise_suppression=True,  # the rest of the echo is noise to it: fewer false starts (scripts/bench echo)
        )

    def process(self, near: bytes, far: bytes) -> bytes:
        """See `Canceller.process`."""
        out = self._processor.process(self._frombuffer(near, self._int16), self._frombuffer(far, self._int16))
        return bytes(out.tobytes())


class SpeexDsp:
    """The MDF adaptive filter of libspeexdsp through ctypes (speex_echo.h; requests by their numbers there)."""

    _SET_SAMPLING_RATE: Final = 24  # SPEEX_ECHO_SET_SAMPLING_RATE

    def __init__(self) -> None:
        """Load the library; see `unavailable` for whether it is there."""
        library = ctypes.CDLL(_SPEEXDSP)
        library.speex_echo_state_init.restype = ctypes.c_void_p
        tail = SAMPLE_RATE_HZ * _TAIL_MS // 1000
        self._library = library
        self._state = ctypes.c_void_p(library.speex_echo_state_init(_FRAME_SAMPLES, tail))
        rate = ctypes.c_int(SAMPLE_RATE_HZ)
        library.speex_echo_ctl(self._state, self._SET_SAMPLING_RATE, ctypes.byref(rate))

    def __del__(self) -> None:
        """Free the filter."""
        if state := getattr(self, "_state", None):
            self._library.speex_echo_state_destroy(state)

    def process(self, near: bytes, far: bytes) -> bytes:
        """See `Canceller.process`."""
        out = ctypes.create_string_buffer(FRAME_BYTES)
        self._library.speex_echo_cancellation(self._state, near, far, out)
        return out.raw


SPEEXDSP_MISSING: Final = (
    "`audio.echo: {local: speexdsp}` needs libspeexdsp: run `sudo apt install libspeexdsp1`, or set `audio.echo: auto`."
)
AEC3_MISSING: Final = (
    "`audio.echo: local` needs the package pywebrtc-audio, which is not installed: install `voicelive-speaker[echo]`,"
    " or set `audio.echo: auto`."
)


def unavailable(canceller: str) -> str | None:
    """Return why a canceller cannot be used on this device, without importing what it needs; None if it can."""
    if canceller == "aec3":
        return None if importlib.util.find_spec("pywebrtc_audio") else AEC3_MISSING
    try:
        ctypes.CDLL(_SPEEXDSP)
    except OSError:
        return SPEEXDSP_MISSING
    return None


CANCELLERS: Final[dict[str, type[Aec3 | SpeexDsp]]] = {"aec3": Aec3, "speexdsp": SpeexDsp}
