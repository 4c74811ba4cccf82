"""`voicelive-speaker setup`: from nothing to a speaker that greets, or one change of a config that exists."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import Final

import msgspec

from device_daemon.config.reader import read
from device_daemon.config.source import text_of
from device_daemon.doctor.service import ServiceChecks
from device_daemon.errors import EX_USAGE, ConfigError, SpeakerError
from device_daemon.setup import finish, options
from device_daemon.setup.answers import NEW_FILE, edited
from device_daemon.setup.config_file import NotWritten, difference, write
from device_daemon.setup.interview import Interview
from device_daemon.setup.prompts import Prompts, TerminalPrompts
from device_daemon.system import paths
from device_daemon.system.secret_file import one_line, read_text
from device_daemon.triggers.wakeword_models import installed

_EVERYTHING: Final = "everything, step by step"
_DONE: Final = "nothing more: show what changes"


class NoTerminal(SpeakerError):
    """There is nobody to ask."""

    exit_code = EX_USAGE


def main(args: argparse.Namespace) -> int:
    """Run the set-up and return the exit code. Raises SpeakerError."""
    prompts: Prompts | None = None
    if not args.non_interactive:
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise NoTerminal("setup asks questions in a terminal; with --non-interactive it takes what the options say")
        prompts = TerminalPrompts()
    logging.getLogger().addHandler(logging.NullHandler())  # what is logged would stand between the questions
    return asyncio.run(set_up(args, prompts))


async def set_up(args: argparse.Namespace, prompts: Prompts | None) -> int:
    """Ask, show the difference, write, start and greet.

    Args:
        args: The options of `options.add_arguments`, and `config`.
        prompts: Who is asked; None asks nothing.

    Raises:
        SpeakerError: Nothing was written, or the message says that it was.
    """
    path: Path = args.config
    check_writable(path)
    before = _text_of(path)
    key = _key_in(args.key_file) if args.key_file else ""
    answers = options.answers_of(args)
    if prompts is not None:
        service = ServiceChecks(os.environ)
        busy = await _is_busy(service)
        interview = Interview(prompts, path, before, answers, key=key, busy=busy)
        await _ask(interview, prompts, is_new=before == NEW_FILE or not _is_valid(before, path))
        answers, key = interview.answers, interview.key
    if key and not finish.is_system(path):
        answers = msgspec.structs.replace(answers, key_file=str(finish.key_file_beside(path)))
    after = edited(before, answers)
    read(after, str(path), path.parent, installed())
    shown = difference("" if before == NEW_FILE else before, after, str(path))
    print(shown or f"{path}: nothing to change")
    if prompts is not None and shown and not await prompts.agree(f"write {path}?"):
        print("nothing was written")
        return 0
    if shown:
        write(path, after)
    if key:
        finish.store_key(key, path)
    if args.no_start:
        return 0
    return await finish.start(path, paths.socket_candidates(os.environ))


def check_writable(path: Path) -> None:
    """Raise NotWritten before the first question if the config could not be written after the last one."""
    place = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not os.access(place, os.W_OK):
        raise NotWritten(
            f"{path}: this user may not write it; put sudo in front of the command, or name another --config"
        )


async def _ask(interview: Interview, prompts: Prompts, *, is_new: bool) -> None:
    """Ask all questions for a new config; else those that are chosen from a menu, one after the other."""
    if is_new:
        for question in interview.questions:
            await interview.put(question)
        return
    choices = [_DONE, *(question.name for question in interview.questions), _EVERYTHING]
    while chosen := await prompts.choose("what do you want to change?", choices):
        asked = interview.questions if choices[chosen] == _EVERYTHING else [interview.questions[chosen - 1]]
        for question in asked:
            await interview.put(question)


async def _is_busy(service: ServiceChecks) -> bool:
    """Return whether a speaker runs here, and holds sound cards and pins."""
    for check in (service.check_unit(), service.check_speaker()):
        async for _finding in check:
            pass
    return service.running


def _text_of(path: Path) -> str:
    return text_of(path) if path.exists() else NEW_FILE


def _is_valid(text: str, path: Path) -> bool:
    try:
        read(text, str(path), path.parent)
    except ConfigError:
        return False
    return True


def _key_in(file: Path) -> str:
    """Return the key in a file. Raises KeyMissing, or WrongOption if there is no such file."""
    text = read_text(file, "API key")
    if text is None:
        raise options.WrongOption(f"key-file: {file} does not exist")
    return one_line(text, str(file), "API key")
