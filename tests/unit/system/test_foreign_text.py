"""Text from outside can forge no log line, drive no terminal and fill no disk."""

from __future__ import annotations

import logging
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.system.foreign_text import MOST_CHARACTERS, ForeignLog, safe


@given(st.text(max_size=2_000))
def test_any_text_becomes_one_short_printable_line(text: str) -> None:
    line = safe(text)
    assert line.splitlines() in ([], [line])
    assert len(line) <= MOST_CHARACTERS + 40
    for character in line:
        assert character in "\u200c\u200d" or unicodedata.category(character)[0] != "C"


@pytest.mark.parametrize(
    ("foreign", "line"),
    [
        ("one\ntwo\r\nthree", "one two three"),
        ("\x1b]0;title\x07red\x1b[31m", "\ufffd]0;title\ufffdred\ufffd[31m"),
        ("\x9b31m", "\ufffd31m"),
        ("abc\u202edef\u2066", "abc\ufffddef\ufffd"),
        ("zero\u200bwidth\ufeff", "zero\ufffdwidth\ufffd"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("\ud800", "\ufffd"),
    ],
)
def test_what_moves_the_cursor_or_the_reader_is_taken_out(foreign: str, line: str) -> None:
    assert safe(foreign) == line


@pytest.mark.parametrize("text", ["Grüße, 世界!", "नमस्ते", "👨\u200d👩\u200d👧"])
def test_every_language_stays_readable(text: str) -> None:
    assert safe(text) == text


def test_a_megabyte_is_a_short_line_that_says_how_long_it_was() -> None:
    line = safe("x" * 1_000_000)
    assert len(line) < MOST_CHARACTERS + 40
    assert line.endswith("(1000000 characters)")


def test_a_flood_of_messages_is_a_few_lines_and_a_count(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [0.0]
    log = ForeignLog(logging.getLogger("device_daemon.test"), most=3, within_s=60.0, now=lambda: now_s[0])
    for number in range(2_000):
        log.warning("the service says: %s", f"no {number}\n")
    assert [record.getMessage() for record in caplog.records] == [
        f"the service says: no {number}" for number in range(3)
    ]
    caplog.clear()
    now_s[0] = 61.0
    log.warning("the service says: %s", "again")
    assert [record.getMessage() for record in caplog.records] == [
        "1997 further messages of the service were not logged",
        "the service says: again",
    ]
