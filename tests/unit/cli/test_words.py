"""Words reach the speaker as they were typed."""

from __future__ import annotations

import os

import pytest

from device_daemon.cli.words import decoded, with_text_marked


@pytest.mark.parametrize(
    ("typed", "text"),
    [("Grüße".encode(), "Grüße"), ("Grüße".encode("latin-1"), "Grüße"), (b"\xff", "ÿ"), (b"dinner", "dinner")],
)
def test_a_word_is_utf_8_or_latin_1_and_never_lost(typed: bytes, text: str) -> None:
    assert decoded(os.fsdecode(typed)) == text


def test_a_text_that_comes_from_no_command_line_stays_as_it_is() -> None:
    assert decoded("\ud800") == "\ud800"


@pytest.mark.parametrize(
    ("typed", "marked"),
    [
        (["say", "-hot outside"], ["say", "--", "-hot outside"]),
        (["say", "-5", "degrees"], ["say", "--", "-5", "degrees"]),
        (["say", "--listen", "-hot?"], ["say", "--listen", "--", "-hot?"]),
        (["say", "dinner", "is", "ready", "--listen"], ["say", "--listen", "--", "dinner", "is", "ready"]),
        (["say", "--socket", "/x", "--listen", "-x"], ["say", "--socket", "/x", "--listen", "--", "-x"]),
        (["say", "--socket=/x", "hi"], ["say", "--socket=/x", "--", "hi"]),
        (["say", "--", "--listen"], ["say", "--", "--listen"]),
        (["say", "--help"], ["say", "--help"]),
        (["say"], ["say"]),
        (["volume", "-5"], ["volume", "-5"]),
        ([], []),
    ],
)
def test_the_text_of_say_may_begin_with_a_dash(typed: list[str], marked: list[str]) -> None:
    assert with_text_marked(typed) == marked
