"""Every command in the documents can be typed as it stands there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import pytest

from device_daemon.language.language import language_for
from device_daemon.localservice import faults
from scripts import REPOSITORY
from scripts.documents import commands
from tests.unit.documents.markdown import DOCUMENTS, Document

EVERY = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
OURS: Final = "voicelive-speaker"
PARSERS = commands.parsers()
_STOPS: Final = {"&&", "||", "|", ";", ">", "<", "&"}


def shell_lines(document: Document) -> Iterator[str]:
    """Yield each line of the shell blocks, each command of Home Assistant, and each piece of inline code."""
    for block in document.blocks():
        if block.kind == "sh":
            yield from block.text.replace("\\\n", " ").splitlines()
        if block.kind == "yaml home-assistant":
            yield from (line.partition(": ")[2] for line in block.text.splitlines())
    yield from document.inline_code()


def commands_in(line: str, program: str) -> Iterator[list[str]]:
    """Yield the words behind each call of a program whose name `program` matches, the program first."""
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError:
        return  # prose with an apostrophe between backticks
    words = [word for word in words if "=" not in word or not re.fullmatch(r"[A-Z_]+=.*", word)]
    for index, word in enumerate(words):
        is_called = index == 0 or words[index - 1] in {"sudo", *_STOPS}
        if is_called and re.fullmatch(program, word):
            end = next((i for i in range(index, len(words)) if words[i] in _STOPS), len(words))
            yield words[index:end]


def test_commands_are_found_wherever_they_stand() -> None:
    found = [
        words
        for line in (
            "sudo voicelive-speaker doctor | head",
            "X=1 .venv/bin/voicelive-speaker run && voicelive-speaker say 'a b'",
        )
        for words in commands_in(line, rf"(.*/)?{OURS}")
    ]
    assert found == [
        [OURS, "doctor"],
        [f".venv/bin/{OURS}", "run"],
        [OURS, "say", "a b"],
    ]


@EVERY
def test_every_command_of_the_speaker_is_accepted(document: Document) -> None:
    for line in shell_lines(document):
        for words in commands_in(line, rf"(.*/)?{OURS}"):
            check(words[1:], document)


def check(words: list[str], document: Document) -> None:
    """Fail unless the command line takes these words."""
    if not words or words == ["--version"]:
        return
    where = f"{document.name}: {OURS} {shlex.join(words)}"
    name, *rest = words
    assert name in PARSERS, where
    if any("[" in word for word in rest) or "|" in " ".join(rest):
        return  # a description, which the table of commands checks
    try:
        PARSERS[name].parse_args(rest)
    except SystemExit:
        pytest.fail(where)


@EVERY
def test_every_script_is_there_and_knows_its_options(document: Document) -> None:
    for line in shell_lines(document):
        for words in commands_in(line, r"(\./)?(scripts/[\w-]+|\.ci/run)"):
            script = REPOSITORY / words[0]
            if script.is_dir():
                continue
            assert script.exists(), f"{document.name}: {words[0]}"
            known = script.read_text(encoding="utf-8") + _behind(words[0])
            for option in (word for word in words[1:] if word.startswith("--") and word != "--help"):
                assert option.partition("=")[0] in known, f"{document.name}: {words[0]} has no {option}"


def _behind(script: str) -> str:
    """Return the source of the Python package that a script runs, where it runs one."""
    package = {"scripts/bench": "benchmark", "scripts/demo": "demonstration"}.get(script)
    folder = REPOSITORY / "scripts" / package if package else None
    return "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py")) if folder else ""


def test_every_fault_that_is_shown_exists() -> None:
    settings = [
        setting
        for line in shell_lines(DOCUMENTS["docs/testing.md"])
        for words in commands_in(line, OURS)
        for option, setting in pairwise(words)
        if option == "--fault"
    ]
    assert settings
    faults.parse(settings)


@EVERY
def test_no_command_takes_a_key_or_a_placeholder_that_the_shell_would_take_for_a_redirection(
    document: Document,
) -> None:
    for line in shell_lines(document):
        assert not re.search(r"<[a-z][^>\n]*>", line), line
        assert "API_KEY=" not in line, line


def test_every_sentence_that_the_speaker_can_say_is_explained() -> None:
    sentences = {notice.text for notice in language_for().notices.values()}
    text = DOCUMENTS["docs/troubleshooting.md"].text
    assert [sentence for sentence in sentences if f'"{sentence}"' not in text] == []
    shown = re.findall(r'^\| "([^"]+)"', text, re.MULTILINE)
    assert set(shown) == sentences
