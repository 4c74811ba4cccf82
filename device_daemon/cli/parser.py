"""The argument parser: every command with its options and its line in --help."""

from __future__ import annotations

import argparse
import importlib
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from device_daemon import __version__
from device_daemon.cli import commands, control
from device_daemon.config.problems import nearest
from device_daemon.errors import EX_CONFIG, EX_FAILURE, EX_UNAVAILABLE, EX_USAGE
from device_daemon.system import paths

PROGRAM: Final = "voicelive-speaker"
DESCRIPTION: Final = "A smart speaker for the Raspberry Pi that speaks first, on Azure Voice Live."
EPILOG: Final = f"""\
exit codes:
  0   success
  {EX_FAILURE}   failure; the last line says why
  {EX_USAGE}  the command line is wrong
  {EX_UNAVAILABLE}  no speaker is running here, or a device is missing
  {EX_CONFIG}  the config file has errors; each line says where and what is allowed
  doctor: the number of failures, at most 63

environment:
  AZURE_VOICELIVE_API_KEY     the key, unless a systemd credential or api_key_file holds it
  ALSA_CONFIG_PATH            another ALSA configuration, such as a simulated sound card
  GPIOZERO_PIN_FACTORY=mock   run without GPIO
"""
_Subparsers = argparse._SubParsersAction  # noqa: SLF001 - argparse has no public name for it


def parser(default_config: Path | None = None) -> argparse.ArgumentParser:
    """Return the parser of all commands; `args.command(args)` runs the one that was typed."""
    setup_config = default_config or paths.new_config(os.environ)
    default_config = default_config or paths.default_config(os.environ)
    top = argparse.ArgumentParser(
        PROGRAM,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=18, width=110),
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    subparsers = top.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=_LazyParser)

    run = _add(subparsers, "run", commands.run, "run the speaker in the foreground, until SIGTERM or Ctrl-C")
    _add_config(run, default_config)
    run.add_argument("--verbose", action="store_true", help="also log details for developers")

    check = _add(
        subparsers,
        "check-config",
        commands.check_config,
        "check the config file; lists all errors with line and column",
    )
    _add_config(check, default_config)
    check.add_argument("file", type=Path, nargs="?", metavar="FILE", help="the same as --config FILE")
    check.add_argument(
        "--credentials", action="store_true", help="also whether this user can read the key and certificates it needs"
    )

    config = _add(
        subparsers,
        "config",
        commands.config,
        "print a value of the config, or change one: comments stay, a wrong change is refused, the old file becomes *.bak",
    )
    _add_config(config, default_config)
    config.add_argument("action", choices=("get", "set"), metavar="get|set", help="what to do")
    config.add_argument("key", metavar="KEY", help="such as service.endpoint or triggers[0].pin")
    config.add_argument("value", metavar="VALUE", nargs="?", help="for set; a list or mapping as in the file")

    setup = _add(
        subparsers,
        "setup",
        commands.setup,
        "set the speaker up, or change one thing: asks, tries each answer, shows the difference, starts it and has it greet",
    )
    _add_config(setup, setup_config)
    setup.options_from = "device_daemon.setup.options"

    backup = _add(
        subparsers,
        "backup",
        commands.backup,
        "write config, state and the names of credentials into an archive; never a key",
    )
    _add_config(backup, default_config)
    backup.add_argument("archive", type=Path, metavar="ARCHIVE", help="the file to write, such as kitchen.tar.gz")

    restore = _add(
        subparsers,
        "restore",
        commands.restore,
        "put an archive's config and state in place, if its config is right here; what it replaces is kept beside it",
    )
    _add_config(restore, setup_config)
    restore.add_argument("archive", type=Path, metavar="ARCHIVE", help="what `backup` wrote")

    devices = _add(
        subparsers, "devices", commands.devices, "list sound devices by stable name, and which ones the config uses"
    )
    _add_config(devices, default_config)

    doctor = _add(
        subparsers, "doctor", commands.doctor, "self-test of the device: what is wrong, and the command that fixes it"
    )
    _add_config(doctor, default_config)
    doctor.add_argument("--json", action="store_true", help="output JSON; asks no questions")
    doctor.add_argument(
        "--report", type=Path, metavar="FILE", help="also write an archive for support, without secrets"
    )

    _add_controls(subparsers)

    local = _add(
        subparsers,
        "local-service",
        commands.local_service,
        "run a Voice Live service on this machine, which does not understand speech",
    )
    local.options_from = "device_daemon.localservice.main"
    return top


def complete_parser() -> argparse.ArgumentParser:
    """Return the parser with every option of every command, for manual pages and shell completion."""
    top = parser(paths.SYSTEM_CONFIG)
    for command in subparsers_of(top).choices.values():
        command.complete()
    return top


def unknown_command(typed: Sequence[str]) -> str:
    """Return a sentence about a first word that is no command, with the nearest one; "" if it is one, or an option."""
    word = typed[0] if typed else "-"
    names = list(subparsers_of(parser()).choices)
    if word.startswith("-") or word in names:
        return ""
    name = nearest(word, names)
    hint = f"did you mean '{name}'?" if name else f"'{PROGRAM} --help' lists the commands"
    return f"unknown command {word[:40]!r}; {hint}"


def subparsers_of(top: argparse.ArgumentParser) -> _Subparsers[_LazyParser]:
    """Return the action that holds the parser of each command."""
    return next(action for action in top._actions if isinstance(action, _Subparsers))  # noqa: SLF001


class _LazyParser(argparse.ArgumentParser):
    """The parser of one command; adds the options of `options_from` only when that command is parsed."""

    options_from: str = ""
    """A module with `add_arguments`. That of local-service takes 300 ms to import (on a PC)."""

    def parse_known_args(self, *args: Any, **kwargs: Any) -> Any:
        """Complete the parser, then parse."""
        self.complete()
        return super().parse_known_args(*args, **kwargs)

    def complete(self) -> None:
        """Add the options that are missing."""
        if self.options_from:
            importlib.import_module(self.options_from).add_arguments(self)
            self.options_from = ""


def _add(subparsers: Any, name: str, command: Any, text: str) -> _LazyParser:
    added: _LazyParser = subparsers.add_parser(name, help=text, description=text, allow_abbrev=False)
    added.set_defaults(command=command)
    return added


def _add_config(command: argparse.ArgumentParser, default: Path) -> None:
    command.add_argument("--config", type=Path, metavar="FILE", default=default, help=f"the YAML file ({default})")


def _add_controls(subparsers: Any) -> None:
    for name, word, nargs, text in (
        ("press", "", None, "press the button: start, interrupt, or end a conversation"),
        ("hold", "", None, "hold the button: mute, or unmute"),
        ("greet", "NAME", "+", "open a conversation with that greeting of the config"),
        ("say", "TEXT", "+", "make an announcement, and wait until it was heard; with --listen, listen to the answer"),
        ("again", "", None, "repeat the last answer"),
        (
            "forget",
            "WHAT",
            "*",
            "forget the last answer and what was said; with WHAT: a fact, or everything remembered",
        ),
        ("remembered", "", None, "list the facts that people asked it to remember"),
        ("stop", "", None, "end the conversation; stop what rings"),
        ("timers", "cancel NAME", "*", "list timers and alarms; cancel NAME (or number, or all) cancels them"),
        ("snooze", "MINUTES", "?", "have what rings ring again later"),
        ("mute", "on|off", "?", "close the microphone, also over restarts, or allow it again; alone: print on or off"),
        ("volume", "N|+N|-N", "?", "set the volume, in per cent; alone: print it"),
        ("status", "", None, "print what the speaker does, its counters and latencies"),
    ):
        command = _add(subparsers, name, control.command, text)
        command.add_argument("--socket", type=Path, metavar="PATH", help="the running speaker's control socket")
        if word:
            command.add_argument("words", metavar=word, nargs=nargs)
        if name == "status":
            how = command.add_mutually_exclusive_group()
            how.add_argument("--json", action="store_true", help="output one line of JSON")
            how.add_argument("--follow", action="store_true", help="output each event as a line of JSON, until Ctrl-C")
        if name == "say":
            command.add_argument("--listen", action="store_true", help="listen to the answer")
        command.set_defaults(request=name)
