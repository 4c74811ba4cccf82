"""The controls of a card's mixer, one at a time and by name, through pyalsaaudio.

Not by pyalsaaudio's list of them, which crashes at a name that is not UTF-8. pyalsaaudio holds the interpreter while it
talks to the mixer: one that does not answer at once is left alone.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from ctypes import byref, c_void_p
from typing import Any, Final

import alsaaudio

from device_daemon.audio.alsa.error_handler import quieten
from device_daemon.audio.alsa.libasound import NONBLOCK, library
from device_daemon.audio.alsa.stream import Direction, Negotiated

logger = logging.getLogger(__name__)

PCM_TYPES: Final[dict[Direction, int]] = {
    "capture": alsaaudio.PCM_CAPTURE,
    "playback": alsaaudio.PCM_PLAYBACK,
}
IN_THE_WAY: Final[dict[Direction, tuple[str, ...]]] = {
    "playback": ("Master", "PCM", "Digital", "Playback"),
    "capture": ("Capture", "ADC", "Digital"),
}
"""All sound passes through each of these: one that is shut silences the card."""
ONE_OF_SEVERAL: Final[dict[Direction, tuple[str, ...]]] = {
    "playback": ("Speaker", "Headphone", "Headset", "Line Out", "Line"),
    "capture": ("Mic", "Headset Mic", "Internal Mic", "Line"),
}
"""Ways out, and in: a card is silent only if all it has are shut."""
_VOLUMES: Final[dict[Direction, frozenset[str]]] = {
    "playback": frozenset({"Volume", "Playback Volume"}),
    "capture": frozenset({"Volume", "Capture Volume"}),
}
_PROMPT_S: Final = 0.2


def mixer_of(negotiated: Negotiated) -> str | None:
    """Return the name of the mixer of the card behind an open device, None if it has none that answers at once."""
    if negotiated.card_number >= 0:
        mixer = f"hw:{negotiated.card_number}"
    elif negotiated.device == "default":
        mixer = "default"
    else:
        return None
    quieten()
    handle, asked_s = c_void_p(), time.monotonic()
    if library().snd_ctl_open(byref(handle), mixer.encode(), NONBLOCK) < 0:
        return None
    library().snd_ctl_close(handle)
    if (took_s := time.monotonic() - asked_s) > _PROMPT_S:
        logger.warning("the mixer of %s took %.1f s to answer: it is left alone", negotiated.device, took_s)
        return None
    return mixer


@contextlib.contextmanager
def opened(mixer: str, name: str) -> Iterator[Any]:
    """Open a control for a moment. Raises alsaaudio.ALSAAudioError if there is none of that name."""
    control = alsaaudio.Mixer(control=name, device=mixer)
    try:
        yield control
    finally:
        control.close()


def with_volume(mixer: str, names: tuple[str, ...], direction: Direction) -> Iterator[str]:
    """Yield those of the names that are volume controls of the mixer."""
    for name in names:
        with contextlib.suppress(alsaaudio.ALSAAudioError), opened(mixer, name) as control:
            if _VOLUMES[direction].intersection(control.volumecap()):
                yield name


def is_off(control: Any, direction: Direction) -> bool:
    """Return whether a control is switched off (muted, or not captured from); False if it has no switch."""
    try:
        switches = control.getmute() if direction == "playback" else [not on for on in control.getrec()]
    except alsaaudio.ALSAAudioError:
        return False
    return bool(switches) and all(switches)
