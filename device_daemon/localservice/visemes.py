"""Visemes (mouth shapes) of a word, for clients with `animation: {outputs: [viseme_id]}`.

The ids are those of Microsoft's SAPI viseme set, which Azure text to speech uses too: 0 is silence, 21 is p, b, m.
They are guessed from letters, as in English: good enough for a mouth that moves.
"""

from __future__ import annotations

_SILENCE = 0
_PAIRS = {"th": 17, "sh": 16, "ch": 16, "ee": 6, "oo": 7, "ow": 9, "oy": 10, "ai": 4, "ay": 4, "ng": 20}
_LETTERS = {
    **dict.fromkeys("pbm", 21),
    **dict.fromkeys("cgkqx", 20),
    **dict.fromkeys("dtn", 19),
    **dict.fromkeys("fv", 18),
    "j": 16,
    **dict.fromkeys("sz", 15),
    "l": 14,
    "r": 13,
    "h": 12,
    "o": 8,
    **dict.fromkeys("uw", 7),
    **dict.fromkeys("iy", 6),
    "e": 4,
    "a": 2,
}


def visemes(word: str, offset_ms: int, duration_ms: int) -> list[tuple[int, int]]:
    """Return when each mouth shape of a word begins, and its id; after the last the mouth closes.

    Args:
        word: its letters.
        offset_ms: where it begins in the audio of its message.
        duration_ms: how long it is.
    """
    shapes: list[int] = []
    letters = word.lower()
    at = 0
    while at < len(letters):
        pair = letters[at : at + 2]
        shape = _PAIRS.get(pair, _LETTERS.get(letters[at]))
        at += 2 if pair in _PAIRS else 1
        if shape is not None and shapes[-1:] != [shape]:
            shapes.append(shape)
    shapes.append(_SILENCE)
    return [(offset_ms + duration_ms * index // len(shapes), shape) for index, shape in enumerate(shapes)]
