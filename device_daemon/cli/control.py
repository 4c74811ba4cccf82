"""The commands to a running speaker, over its control socket."""

from __future__ import annotations

import argparse
import grp
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

from device_daemon.device.control_client import ask, follow
from device_daemon.errors import EX_FAILURE, EX_UNAVAILABLE
from device_daemon.system import paths

Answer = TypeVar("Answer")

_PRINTED: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "volume": lambda status: str(status["volume"]),
    "mute": lambda status: "on" if status["muted"] else "off",
}
"""What these commands print when they are called without a value."""
NOBODY: Final = (
    "no speaker is running here; start one with `systemctl start voicelive-speaker` or `voicelive-speaker run`"
)


class NoAnswer(Exception):
    """No speaker could be asked; the message says why and what to do."""


def command(args: argparse.Namespace) -> int:
    """Send the request of a command to the speaker and print its answer."""
    words = getattr(args, "words", None) or []
    words = [words] if isinstance(words, str) else words
    candidates = [args.socket] if args.socket else paths.socket_candidates(os.environ)
    prints = _PRINTED.get(args.request) if not words else None
    try:
        if getattr(args, "follow", False):
            return follow_first(candidates)
        answer = ask_first(candidates, "status --json" if prints else request_line(args.request, words, args))
    except NoAnswer as nobody:
        print(f"voicelive-speaker: {nobody}", file=sys.stderr)
        return EX_UNAVAILABLE
    if answer.startswith("error: "):
        print(answer.removeprefix("error: "), file=sys.stderr)
        return EX_FAILURE
    print(prints(json.loads(answer)) if prints else answer.removeprefix("ok: "))
    return 0


def request_line(request: str, words: Sequence[str], args: argparse.Namespace) -> str:
    """Return the line of the socket's protocol (see `control_protocol`)."""
    options = [f"--{name}" for name in ("json", "listen") if getattr(args, name, False)]
    end_of_options = ["--"] if request == "say" else []  # a text may end in --listen and mean nothing by it
    return " ".join([request, *options, *end_of_options, *words])


def ask_first(candidates: Sequence[Path], line: str) -> str:
    """Return the answer of the first speaker that listens. Raises NoAnswer, as `first` does."""
    return first(candidates, lambda path: ask(path, line))


def follow_first(candidates: Sequence[Path]) -> int:
    """Print the events of the first speaker that listens, a line each, until it stops or Ctrl-C. Raises NoAnswer."""

    def print_events(path: Path) -> int:
        refused = False
        for line in follow(path):
            refused = line.startswith("error: ")
            print(line.removeprefix("error: "), file=sys.stderr if refused else sys.stdout, flush=True)
        return EX_FAILURE if refused else EX_UNAVAILABLE

    try:
        return first(candidates, print_events)
    except KeyboardInterrupt:
        return 0


def first(candidates: Sequence[Path], request: Callable[[Path], Answer]) -> Answer:
    """Return what the first speaker that listens answers.

    Args:
        candidates: Control sockets; one that this user may not use does not hide the next one.
        request: Asks the speaker behind a socket.

    Raises:
        NoAnswer: No speaker listens, this user may not ask it, or it does not answer.
    """
    refused: Path | None = None
    for path in candidates:
        try:
            return request(path)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            continue
        except PermissionError:
            refused = path
        except OSError as error:
            raise NoAnswer(f"{path}: {error.strerror or 'no answer in time'}") from error
    if refused is not None:
        raise NoAnswer(
            f'{refused}: this user may not control the speaker; run `sudo usermod -aG {_group(refused)} "$USER"`, then log'
            " in again"
        )
    raise NoAnswer(NOBODY)


def _group(socket: Path) -> str:
    """Return the group that may use a socket: that of its folder, which is what closes it to others."""
    try:
        return grp.getgrgid(socket.parent.stat().st_gid).gr_name
    except (KeyError, OSError):
        return paths.NAME
