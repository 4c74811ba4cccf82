"""Command line interface: `main` parses the words, runs the command, and turns errors into one sentence and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from device_daemon.cli import parser, words
from device_daemon.errors import EX_FAILURE, EX_USAGE, ConfigError, SpeakerError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after the program's name; those of this process if left out.

    Returns:
        The exit code, as `--help` explains it.
    """
    for stream in (sys.stdout, sys.stderr):
        if callable(reconfigure := getattr(stream, "reconfigure", None)):
            reconfigure(errors="backslashreplace")  # a terminal in Latin-1 does not have every character
    typed = [words.decoded(word) for word in (sys.argv[1:] if arguments is None else arguments)]
    try:
        if unknown := parser.unknown_command(typed):
            print(f"voicelive-speaker: {unknown}", file=sys.stderr)
            return EX_USAGE
        args = parser.parser().parse_args(words.with_text_marked(typed))
        return int(args.command(args))
    except SystemExit as stop:  # argparse exits with 2 for wrong usage
        return EX_USAGE if stop.code == 2 else int(stop.code or 0)
    except ConfigError as error:
        print(error.report, file=sys.stderr)
        return error.exit_code
    except SpeakerError as error:
        print(f"voicelive-speaker: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EX_FAILURE
    except BrokenPipeError:  # `voicelive-speaker doctor | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EX_FAILURE
