"""The commands of `voicelive-speaker` as a table, from its own argument parser."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from device_daemon.cli import parser as cli


def parsers() -> Mapping[str, argparse.ArgumentParser]:
    """Return the parser of each command, by its name."""
    return dict(cli.subparsers_of(cli.complete_parser()).choices)


def helps() -> Mapping[str, str]:
    """Return the sentence of `--help` about each command, by its name."""
    return {action.dest: action.help or "" for action in cli.subparsers_of(cli.parser())._choices_actions}


def as_markdown() -> str:
    """Return one line for each command: how it is typed and what it does."""
    sentences = helps()
    lines = ["| Command | What it does |", "| --- | --- |"]
    for name, parser in parsers().items():
        typed = " ".join([f"voicelive-speaker {name}", *_arguments(parser)])
        lines.append(f"| `{typed}` | {_cell(sentences[name])} |")
    return "\n".join([*lines, ""])


def _arguments(parser: argparse.ArgumentParser) -> list[str]:
    """Return the options of a command that are its own, and what must follow."""
    shown = []
    for action in parser._actions:
        if action.dest in {"help", "config", "socket"}:
            continue
        value = action.metavar or action.dest.upper()
        if not action.option_strings:
            shown.append(str(value))
        elif action.nargs == 0:
            shown.append(f"[{action.option_strings[-1]}]")
        else:
            shown.append(f"[{action.option_strings[-1]} {value}]")
    return [_cell(word) for word in shown]


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("%%", "%")
