"""What log lines look like, and what never gets into them."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any, TextIO

import pytest

from device_daemon.system import logs

OURS = logging.getLogger("device_daemon.test")
THEIRS = logging.getLogger("azure.ai.voicelive")


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Logging is the same after each test as before."""
    root, ours = logging.getLogger(), logging.getLogger("device_daemon")
    before = (root.level, ours.level, root.handlers[:])
    root.handlers.clear()  # pytest's own, which set_up would close
    yield
    root.level, ours.level, root.handlers[:] = before


class Journal:
    """Stands for systemd's; `stderr` is the stream it reads."""

    def __init__(self, stderr: TextIO) -> None:
        self.stderr = stderr
        self.entries: list[dict[str, Any]] = []

    def send(self, message: str, **found: Any) -> None:
        self.entries.append({"MESSAGE": message} | found)


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Journal]:
    """A journal that JOURNAL_STREAM names."""
    with (tmp_path / "stderr").open("w", encoding="utf-8") as stderr:
        found = os.fstat(stderr.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        yield Journal(stderr)


def test_on_a_terminal_a_line_begins_with_the_time(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=False)
    OURS.info("idle -> connecting")
    time, level, message = capsys.readouterr().err.strip().split(" ", 2)
    assert len(time.split(":")) == 3
    assert (level, message) == ("INFO", "idle -> connecting")


def test_libraries_may_only_warn_for_they_print_keys_and_sound(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=True)
    THEIRS.debug("Received websocket text message: …")
    THEIRS.info("a key")
    assert not capsys.readouterr().err
    THEIRS.warning("careful")
    assert "careful" in capsys.readouterr().err


@pytest.mark.parametrize(("verbose", "lines"), [(False, 0), (True, 1)])
def test_what_a_library_says_about_a_failure_that_we_report_is_left_out(
    verbose: bool, lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(verbose=verbose)
    logging.getLogger("azure.identity._internal.decorators").warning("get_token_info failed")
    assert capsys.readouterr().err.count("failed") == lines


def test_what_is_of_use_to_developers_only_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=False)
    OURS.debug("detail")
    assert not capsys.readouterr().err
    logs.set_up(verbose=True)
    OURS.debug("detail")
    assert capsys.readouterr().err.count("detail") == 1


def test_the_journal_gets_priorities_and_the_fields_of_a_record(journal: Journal) -> None:
    with redirect_stderr(journal.stderr):
        logs.set_up(verbose=False, send=journal.send)
    OURS.warning("%s", "offline", extra=logs.fields(logs.STATE_CHANGED, STATE="offline", SECONDS=3))
    assert journal.entries == [
        {
            "MESSAGE": "offline",
            "PRIORITY": "4",
            "LOGGER": "device_daemon.test",
            "SYSLOG_IDENTIFIER": "voicelive-speaker",
            "MESSAGE_ID": logs.STATE_CHANGED,
            "STATE": "offline",
            "SECONDS": "3",
        }
    ]


def test_what_was_going_on_when_a_bug_struck_goes_to_the_journal_in_one_entry(journal: Journal) -> None:
    with redirect_stderr(journal.stderr):
        logs.set_up(verbose=False, send=journal.send)
    try:
        int("odd")
    except ValueError:
        OURS.exception("a bug in this program")
    (entry,) = journal.entries
    assert entry["PRIORITY"] == "3"
    assert "a bug in this program\nTraceback" in entry["MESSAGE"]
    assert "ValueError: invalid literal" in entry["MESSAGE"]


def test_a_journal_that_was_inherited_but_is_not_ours_is_not_written_to(
    journal: Journal, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.set_up(verbose=False, send=journal.send)
    OURS.info("hello")
    assert not journal.entries
    assert "hello" in capsys.readouterr().err


@pytest.mark.parametrize("stream", [None, "", "8:1", "nonsense"])
def test_only_the_very_stream_that_systemd_names_is_the_journal(journal: Journal, stream: str | None) -> None:
    with redirect_stderr(journal.stderr):
        assert logs.goes_to_journal(os.environ)
        assert not logs.goes_to_journal({} if stream is None else {"JOURNAL_STREAM": stream})


def test_foreign_text_forges_no_line_and_drives_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    logs.set_up(verbose=False)
    OURS.warning("the service says: %s", "bye\n12:00:00 INFO idle -> muted\x1b[2J\x07\u202e")
    (line,) = capsys.readouterr().err.splitlines()
    assert "bye 12:00:00 INFO idle -> muted" in line
    assert not set(line) & {"\x1b", "\x07", "\u202e"}


def test_a_message_of_a_megabyte_is_a_line_like_any_other(journal: Journal) -> None:
    with redirect_stderr(journal.stderr):
        logs.set_up(verbose=False, send=journal.send)
    OURS.warning("%s", "x" * 1_000_000)
    assert len(journal.entries[0]["MESSAGE"]) < 2 * logs.MOST_CHARACTERS


def test_what_is_raised_where_nobody_can_take_it_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pin:
        def __del__(self) -> None:
            raise OSError(5, "for the test")

    logs.set_up(verbose=False)
    monkeypatch.setattr(sys, "unraisablehook", logs.unraisable)
    pin = Pin()
    del pin
    (line,) = capsys.readouterr().err.splitlines()
    assert "WARNING an object was discarded, and raised: OSError(5, 'for the test')" in line
