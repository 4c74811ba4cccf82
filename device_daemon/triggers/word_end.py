"""Where a wake word ended: endpoint detection over the sound up to the moment it was recognised. Pure.

An engine recognises a word some time after its end, or a little before, and by then a question may have begun without a
pause. A question that loses its beginning is worse than one that begins with the end of the word: in doubt the word
ends earlier.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 16_000
_STEP_S: Final = 0.01
_STEP_FRAMES: Final = RATE_HZ // 100
_EARLIER_S: Final = 0.1
"""How much before the usual end a pause is believed to be the one behind the word."""
_PAUSE_STEPS: Final = 8
"""The closure of a k or t inside a word is shorter."""
_DECAY_STEPS: Final = 2
"""Left to the word when a pause is found: it dies away in it."""
_LEAST_RANGE_DB: Final = 12.0
_QUIET_SHARE: Final = 0.35
"""Of the way, in dB, from the room's noise to the loudest of the word: below that it is quiet."""
_LOUDEST_STEPS: Final = 100


def word_end_s(pcm: bytes, usual_s: float) -> float:
    """Return how many seconds before the end of `pcm` (16 kHz, mono, 16 bit) the word ended.

    `pcm` is the last two seconds or so, up to where the engine heard the word; `usual_s` says how long before that it
    usually ends. A pause in the right place says it exactly; without one it is `usual_s`.
    """
    quiet = _quiet_steps(pcm)
    # Where the word usually ends, and a bit before; a pause that begins later than that counts wherever it is.
    first = max(0, len(quiet) - round((usual_s + _EARLIER_S) / _STEP_S))
    run = 0
    for step in range(first, len(quiet)):
        run = run + 1 if quiet[step] else 0
        if run == _PAUSE_STEPS:
            ends = step + 1 - run + _DECAY_STEPS
            return (len(quiet) - ends) * _STEP_S
    return usual_s


def _quiet_steps(pcm: bytes) -> npt.NDArray[np.bool_]:
    """Return for each 10 ms (the last ones end where `pcm` ends) whether they are quiet; none in a steady sound."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float32)
    steps = samples[len(samples) % _STEP_FRAMES :].reshape(-1, _STEP_FRAMES)
    if not len(steps):
        return np.zeros(0, np.bool_)
    levels_db = 10 * np.log10(np.mean(steps**2, axis=1) + 1)
    noise_db = float(np.percentile(levels_db, 10))
    range_db = float(levels_db[-_LOUDEST_STEPS:].max()) - noise_db
    if range_db < _LEAST_RANGE_DB:
        return np.zeros(len(steps), np.bool_)
    return np.asarray(levels_db < noise_db + _QUIET_SHARE * range_db, np.bool_)
