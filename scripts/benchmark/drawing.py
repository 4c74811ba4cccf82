"""Draws a conversation, as picture.py describes it on standard input, into the SVG file that is named.

It runs in the benchmark's own environment, which has matplotlib.
"""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_PAPER, _INK, _FAINT = "#fbfaf7", "#22262b", "#c9c7c0"
_PERSON, _SPEAKER, _SERVICE, _MICROPHONE = "#c2410c", "#15803d", "#475569", "#b91c1c"
_LIGHTS = {"connecting": "#0891b2", "greeting": "#16a34a", "listening": "#2563eb", "thinking": "#2563eb"}
_LIGHTS |= {"speaking": "#16a34a"}
_LANES = ("you", "microphone", "light", "service", "speaker")
_TOP = {name: float(len(_LANES) - 1 - number) for number, name in enumerate(_LANES)}
_SMALL = 8
_WORD_S = 0.7


def draw(found: dict[str, Any]) -> Figure:
    """Return the picture: a lane for each of those who take part, time from the press to the right."""
    figure = Figure(figsize=(9.0, 4.6), facecolor=_PAPER)
    axes = figure.add_axes((0.125, 0.1, 0.865, 0.8))
    axes.set_facecolor(_PAPER)
    axes.set_xlim(found["start_s"], found["end_s"])
    axes.set_ylim(-0.62, len(_LANES) - 0.3)
    axes.set_yticks([_TOP[name] for name in _LANES], _LANES, fontweight="bold")
    axes.tick_params(length=0, colors=_INK)
    axes.set_xlabel("seconds since the press", color=_INK, fontsize=9)
    for side in axes.spines.values():
        side.set_visible(False)
    for lane in _TOP.values():
        axes.axhline(lane - 0.5, color=_FAINT, linewidth=0.6)
    axes.axvline(0, color=_PERSON, linewidth=1.2)
    _voices(axes, found)
    _light_and_microphone(axes, found)
    _service(axes, found)
    _spans(axes, found)
    title = (
        f"One press: {found['network_ms']} ms of network there and back, {found['synthesis_ms']} ms until the service has"
        " made its voice"
    )
    figure.text(0.125, 0.945, title, color=_INK, fontsize=10.5)
    return figure


def _voices(axes: Axes, found: dict[str, Any]) -> None:
    for name, peaks, colour in (("you", found["said"], _PERSON), ("speaker", found["heard"], _SPEAKER)):
        times = [found["start_s"] + number * found["block_s"] for number in range(len(peaks))]
        loudest = max(peaks) or 1.0
        high = [_TOP[name] + 0.3 * peak / loudest for peak in peaks]
        low = [_TOP[name] - 0.3 * peak / loudest for peak in peaks]
        axes.fill_between(times, low, high, color=colour, linewidth=0.3)
    axes.text(0.06, _TOP["you"] + 0.36, "press", color=_PERSON, fontsize=9, fontweight="bold")
    asked_s = found["asked_s"]
    _words(axes, asked_s[0], "you", found["question"], _PERSON)
    _words(axes, found["greeting_s"], "speaker", found["greeting"], _SPEAKER)
    _words(axes, found["answer_s"], "speaker", found["answer"], _SPEAKER)


def _words(axes: Axes, at_s: float, lane: str, words: str, colour: str) -> None:
    axes.text(at_s + 0.05, _TOP[lane] + 0.36, f"“{words}”", color=colour, fontsize=_SMALL, style="italic")


def _light_and_microphone(axes: Axes, found: dict[str, Any]) -> None:
    for since_s, until_s in found["microphone"]:
        axes.barh(_TOP["microphone"], until_s - since_s, 0.34, since_s, color=_MICROPHONE)
        middle_s = (max(since_s, found["start_s"]) + until_s) / 2
        axes.text(middle_s, _TOP["microphone"] - 0.02, "open", color="white", va="center", ha="center", fontsize=_SMALL)
    ends = [at_s for at_s, _ in found["states"][1:]] + [found["end_s"]]
    for number, ((since_s, state), until_s) in enumerate(zip(found["states"], ends, strict=True)):
        colour = _LIGHTS.get(state, _FAINT)
        for lit_s, dark_s in found["light"]:
            start_s, width_s = max(lit_s, since_s), min(dark_s, until_s) - max(lit_s, since_s)
            if width_s > 0:
                axes.barh(_TOP["light"], width_s, 0.34, start_s, color=colour)
        if state in _LIGHTS and since_s < found["end_s"] - _WORD_S:
            above = _TOP["light"] + (-0.41, 0.22)[number % 2]  # a short state's name is as wide as the next state's
            axes.text(since_s, above, state, color=colour, fontsize=_SMALL)


def _service(axes: Axes, found: dict[str, Any]) -> None:
    free_s = [found["start_s"]] * 3
    for at_s, words in found["service"]:
        row = next((row for row, until_s in enumerate(free_s) if until_s <= at_s), free_s.index(min(free_s)))
        free_s[row] = at_s + 0.09 + 0.085 * len(words)
        height = _TOP["service"] + 0.26 - 0.28 * row
        axes.plot([at_s, at_s], [height - 0.13, height + 0.13], color=_SERVICE, linewidth=1.2)
        axes.text(at_s + 0.04, height, words, color=_SERVICE, va="center", fontsize=_SMALL)


def _spans(axes: Axes, found: dict[str, Any]) -> None:
    stopped = [at_s for at_s, words in found["service"] if words == "speech stopped"]
    spans = [(0.0, found["greeting_s"])] + [(at_s, found["answer_s"]) for at_s in stopped[-1:]]
    for since_s, until_s in spans:
        axes.barh(_TOP["speaker"] - 0.42, until_s - since_s, 0.05, since_s, color=_INK)
        words = f"{(until_s - since_s) * 1000:.0f} ms to the {'answer' if since_s else 'greeting'}"
        axes.text(until_s + 0.05, _TOP["speaker"] - 0.43, words, color=_INK, va="center", fontsize=9, fontweight="bold")


def main() -> int:
    """Read, draw, write."""
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "timeline", "font.family": "sans-serif"})
    mpl.rcParams.update({"font.size": 10, "text.color": _INK, "path.simplify": True})
    figure = draw(json.load(sys.stdin))
    figure.savefig(Path(sys.argv[1]), format="svg", facecolor=_PAPER, metadata={"Date": None})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
