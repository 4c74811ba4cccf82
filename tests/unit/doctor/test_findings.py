"""Findings as text and as JSON."""

import json

import pytest

from device_daemon.doctor.findings import as_json, as_text, exit_code, failed, note, ok, skipped, summary

FINDINGS = [
    ok("clock", "noon"),
    failed("speaker", "there is none", "plug one in"),
    note("watchdog", "off"),
    skipped("session", "needs a credential"),
    failed("config", "line 1 is wrong\nline 2 too", "nano a\nnano b", problems=2),
]


def test_a_failure_is_seen_at_once_and_commands_are_on_lines_of_their_own() -> None:
    assert as_text(FINDINGS[0]) == "clock               ok       noon"
    assert as_text(FINDINGS[4]).splitlines() == [
        "config              FAILED   line 1 is wrong",
        "                             line 2 too",
        "                             -> nano a",
        "                             -> nano b",
    ]


def test_long_sentences_are_wrapped_and_commands_never_are() -> None:
    lines = as_text(failed("speaker", "word " * 40, "command " * 40)).splitlines()
    assert max(map(len, lines[:-1])) <= 120
    assert lines[-1].count("command") == 40


def test_the_summary_counts_what_there_is() -> None:
    assert summary(FINDINGS) == "2 failures, 1 note, 1 not checked, 1 ok"
    assert summary(FINDINGS[:2]) == "1 failure, 1 ok"
    assert summary(FINDINGS[:1]) == "nothing is wrong, 1 ok"


def test_what_was_not_checked_is_not_called_right() -> None:
    assert summary([FINDINGS[0], FINDINGS[3]]) == "no failure in what was checked, 1 not checked, 1 ok"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_sentences_are_wrapped_to_the_terminal(width: int) -> None:
    lines = as_text(failed("speaker", "word " * 60, "command"), width).splitlines()
    assert width - 8 < max(map(len, lines)) <= width


def test_machines_get_every_field() -> None:
    report = json.loads(as_json(FINDINGS))
    assert report["failures"] == 2
    assert [finding["status"] for finding in report["findings"]] == ["ok", "failed", "note", "skipped", "failed"]
    assert report["findings"][4] == {
        "name": "config",
        "status": "failed",
        "what": "line 1 is wrong\nline 2 too",
        "remedy": "nano a\nnano b",
        "measured": {"problems": 2},
    }


def test_the_exit_code_counts_failures_and_never_means_something_else() -> None:
    assert exit_code(FINDINGS) == 2
    assert exit_code(FINDINGS[:1]) == 0
    assert exit_code(FINDINGS * 100) == 63
