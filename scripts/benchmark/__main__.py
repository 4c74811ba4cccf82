"""The command line of `scripts/bench`."""

from __future__ import annotations

import importlib
import signal
import sys
from collections.abc import Sequence
from typing import Final

from scripts.benchmark.command_line import USAGE_EXIT_CODE, CannotMeasure

HELP: Final = """\
scripts/bench [--rounds N] [--ours-only] [--json] [--network-ms N] [--synthesis-ms N]
    Latencies and costs of the whole daemon on a simulated card and the local service, side by side with Microsoft's
    own Python quickstart, in turn; min, median, 95th percentile, ratio, and whether the targets are met. Twice: with
    no delay at all, and with --network-ms (80, there and back) and --synthesis-ms (300).
      --rounds N       conversations of each kind (20)
      --ours-only      without the quickstart: fetches and installs nothing
      --json           one line of JSON instead of the tables

scripts/bench slow-core [--rounds N] [--percent N] [--json]
    The daemon alone on 15 % of a core, in slices of 10 ms. Wants no xrun and no latency above three times the target.
    Needs root, for a control group.

scripts/bench picture [--output FILE]
    Draws one conversation, from the press to the answer, as scripts/benchmark/timeline.svg.

scripts/bench wake-words [OPTIONS]
    How often wake words are heard, and how often where there are none.

scripts/bench echo [--minutes N] [--interruptions N]
    In simulated rooms, faster than real time, each way to cancel echo: does the speaker interrupt itself, are people
    heard who talk over it, and what of their words arrives.

scripts/bench echo-reference [--minutes N]
    How exactly the echo reference fits the microphone, through interruptions, underruns, drift and a lost card.

scripts/bench tools [--rounds N]
    What the built-in tools cost a conversation that uses none: the speaker with all of them beside itself without any.

scripts/bench mqtt [--rounds N]
    What MQTT costs at rest and in a conversation: the speaker with a broker beside itself without one.

scripts/bench fleet [--speakers N] [--daemons N] [--power-cut N]
    Many speakers at once: 200 on one mosquitto, through its restart; 30 whole daemons on one service, after a power cut
    (as root); and 500 after a power cut, simulated.

scripts/bench everything [--rounds N]
    What everything that can be switched on costs, at rest and in a conversation: the speaker with all of it (wake word,
    stop word, tools, local echo cancellation, MQTT, metrics, events, limits) beside itself without. Needs mosquitto.

What only the benchmark needs (PyAudio, matplotlib, the quickstart) goes into .venv-bench when it is first wanted.
"""

COMMANDS: Final = {
    "slow-core": "slow_core",
    "picture": "picture",
    "wake-words": "wake_words",
    "echo": "echo",
    "echo-reference": "echo_reference",
    "tools": "tools",
    "fleet": "fleet",
    "mqtt": "mqtt",
    "everything": "everything",
}


def main(argv: Sequence[str]) -> int:
    """Run the command that is named first, or the one without a name; return the exit code."""
    if set(argv[:1]) & {"-h", "--help"}:
        print(HELP, end="")
        return 0
    named = bool(argv) and not argv[0].startswith("-")
    if named and argv[0] not in COMMANDS:
        known = ", ".join(COMMANDS)
        print(f"bench: unknown command {argv[0]!r}; there are {known}: see scripts/bench --help", file=sys.stderr)
        return USAGE_EXIT_CODE
    command = COMMANDS[argv[0]] if named else "side_by_side"
    module = importlib.import_module(f"scripts.benchmark.{command}")
    try:
        return int(module.main(list(argv[named:])))
    except CannotMeasure as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 130


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    # Whoever ends it in the background ends the daemon with it.
    signal.signal(signal.SIGTERM, _interrupt)
    raise SystemExit(main(sys.argv[1:]))
