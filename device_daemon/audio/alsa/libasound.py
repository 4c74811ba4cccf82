"""alsa-lib through ctypes: the calls that pyalsaaudio makes while it holds the interpreter, or cannot make at all.

pyalsaaudio 0.11 lets other threads run during read and write only. A card that takes 8 s to be opened, as a USB device
that does not answer or a sound server that is gone, would stop the event loop, the lights and SIGTERM for as long.
ctypes releases the interpreter for every call. It also returns error numbers, which pyalsaaudio turns into text, and
names as bytes, at which pyalsaaudio crashes where they are not UTF-8.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from ctypes import POINTER, byref, c_char_p, c_int, c_long, c_short, c_uint, c_ulong, c_void_p
from functools import cache
from typing import Any, Final

from device_daemon.audio.alsa.error_handler import quieten

LIBRARY: Final = "libasound.so.2"

NONBLOCK: Final = 1
ACCESS_RW_INTERLEAVED: Final = 3
FORMAT_NAMES: Final = {
    2: "S16_LE",
    10: "S32_LE",
    32: "S24_3LE",
    6: "S24_LE",
    0: "S8",
    1: "U8",
    14: "FLOAT_LE",
    18: "IEC958_SUBFRAME_LE",
}
"""snd_pcm_format_t, as far as cards have it."""
STATE_SETUP: Final = 1
STATE_XRUN: Final = 4
STATE_DISCONNECTED: Final = 8

_PCM: Final = c_void_p
_PARAMS: Final = c_void_p


class PollFd(ctypes.Structure):
    """`struct pollfd` of poll(2)."""

    _fields_ = (("fd", c_int), ("events", c_short), ("revents", c_short))


_PROTOTYPES: Final[dict[str, tuple[Any, tuple[Any, ...]]]] = {
    "snd_strerror": (c_char_p, (c_int,)),
    "snd_pcm_open": (c_int, (POINTER(c_void_p), c_char_p, c_int, c_int)),
    "snd_pcm_close": (c_int, (_PCM,)),
    "snd_pcm_hw_params_malloc": (c_int, (POINTER(c_void_p),)),
    "snd_pcm_hw_params_free": (None, (_PARAMS,)),
    "snd_pcm_hw_params_any": (c_int, (_PCM, _PARAMS)),
    "snd_pcm_hw_params_set_access": (c_int, (_PCM, _PARAMS, c_int)),
    "snd_pcm_hw_params_test_format": (c_int, (_PCM, _PARAMS, c_int)),
    "snd_pcm_hw_params_set_format": (c_int, (_PCM, _PARAMS, c_int)),
    "snd_pcm_hw_params_test_channels": (c_int, (_PCM, _PARAMS, c_uint)),
    "snd_pcm_hw_params_get_channels_min": (c_int, (_PARAMS, POINTER(c_uint))),
    "snd_pcm_hw_params_get_channels_max": (c_int, (_PARAMS, POINTER(c_uint))),
    "snd_pcm_hw_params_set_channels_near": (c_int, (_PCM, _PARAMS, POINTER(c_uint))),
    "snd_pcm_hw_params_test_rate": (c_int, (_PCM, _PARAMS, c_uint, c_int)),
    "snd_pcm_hw_params_get_rate_min": (c_int, (_PARAMS, POINTER(c_uint), POINTER(c_int))),
    "snd_pcm_hw_params_get_rate_max": (c_int, (_PARAMS, POINTER(c_uint), POINTER(c_int))),
    "snd_pcm_hw_params_set_rate_near": (c_int, (_PCM, _PARAMS, POINTER(c_uint), POINTER(c_int))),
    "snd_pcm_hw_params_set_period_size_near": (c_int, (_PCM, _PARAMS, POINTER(c_ulong), POINTER(c_int))),
    "snd_pcm_hw_params_set_periods_near": (c_int, (_PCM, _PARAMS, POINTER(c_uint), POINTER(c_int))),
    "snd_pcm_hw_params": (c_int, (_PCM, _PARAMS)),
    "snd_pcm_get_params": (c_int, (_PCM, POINTER(c_ulong), POINTER(c_ulong))),
    "snd_pcm_info_malloc": (c_int, (POINTER(c_void_p),)),
    "snd_pcm_info_free": (None, (c_void_p,)),
    "snd_pcm_info": (c_int, (_PCM, c_void_p)),
    "snd_pcm_info_get_card": (c_int, (c_void_p,)),
    "snd_pcm_prepare": (c_int, (_PCM,)),
    "snd_pcm_start": (c_int, (_PCM,)),
    "snd_pcm_recover": (c_int, (_PCM, c_int, c_int)),
    "snd_pcm_drop": (c_int, (_PCM,)),
    "snd_pcm_state": (c_int, (_PCM,)),
    "snd_pcm_avail": (c_long, (_PCM,)),
    "snd_pcm_readi": (c_long, (_PCM, c_void_p, c_ulong)),
    "snd_pcm_writei": (c_long, (_PCM, c_char_p, c_ulong)),
    "snd_pcm_poll_descriptors_count": (c_int, (_PCM,)),
    "snd_pcm_poll_descriptors": (c_int, (_PCM, POINTER(PollFd), c_uint)),
    "snd_pcm_poll_descriptors_revents": (c_int, (_PCM, POINTER(PollFd), c_uint, POINTER(ctypes.c_ushort))),
    "snd_device_name_hint": (c_int, (c_int, c_char_p, POINTER(POINTER(c_void_p)))),
    "snd_device_name_get_hint": (c_void_p, (c_void_p, c_char_p)),
    "snd_device_name_free_hint": (c_int, (POINTER(c_void_p),)),
    "snd_card_get_index": (c_int, (c_char_p,)),
    "snd_card_get_longname": (c_int, (c_int, POINTER(c_void_p))),
    "snd_ctl_open": (c_int, (POINTER(c_void_p), c_char_p, c_int)),
    "snd_ctl_close": (c_int, (c_void_p,)),
}


class AlsaError(Exception):
    """A call of alsa-lib failed."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number
        """One of errno's, mostly."""
        self.text = text


@cache
def library() -> Any:
    """Return alsa-lib with its functions declared. Raises OSError where it is not installed."""
    found = ctypes.CDLL(LIBRARY)
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(found, name)
        function.restype, function.argtypes = result, arguments
    return found


def check(result: int) -> int:
    """Return what a call of alsa-lib returned; raises AlsaError for a negative error number."""
    if result < 0:
        raise AlsaError(-result, os.strerror(-result) if -result < 256 else library().snd_strerror(result).decode())
    return result


def taken_text(pointer: int | None) -> bytes | None:
    """Return a text that alsa-lib has allocated for its caller, and free it."""
    if not pointer:
        return None
    text = ctypes.string_at(pointer)
    _libc().free(pointer)
    return text


def pcm_names(direction: str) -> Iterator[str]:
    """Yield alsa-lib's names of PCMs for a direction.

    Names that are not UTF-8 are left out: no config file could hold them. Raises AlsaError.
    """
    quieten()
    alsa = library()
    found = POINTER(c_void_p)()
    check(alsa.snd_device_name_hint(-1, b"pcm", byref(found)))
    try:
        index = 0
        while hint := found[index]:
            index += 1
            name = taken_text(alsa.snd_device_name_get_hint(hint, b"NAME"))
            only_for = taken_text(alsa.snd_device_name_get_hint(hint, b"IOID"))
            if name and only_for in {None, b"Input" if direction == "capture" else b"Output"}:
                with contextlib.suppress(UnicodeDecodeError):
                    yield name.decode()
    finally:
        alsa.snd_device_name_free_hint(found)


def card_description(card_id: str) -> str:
    """Return a card's long name by its id, "" if there is none."""
    alsa, text = library(), c_void_p()
    index = alsa.snd_card_get_index(card_id.encode())
    if index < 0 or alsa.snd_card_get_longname(index, byref(text)) < 0:
        return ""
    return (taken_text(text.value) or b"").decode(errors="replace")


@cache
def _libc() -> Any:
    libc = ctypes.CDLL(None)
    libc.free.argtypes, libc.free.restype = (c_void_p,), None
    return libc
