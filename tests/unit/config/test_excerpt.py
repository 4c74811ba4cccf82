"""Errors show the line of the file with a caret, and name characters that nobody sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.excerpt import excerpt, misplaced_invisible
from device_daemon.config.reader import load, read
from device_daemon.errors import ConfigError
from tests.unit.config.cases import LOCAL, problems


def report(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, "f")
    return caught.value.report.splitlines()


def test_each_problem_is_followed_by_its_line_with_a_caret_under_the_column() -> None:
    assert report(LOCAL + "lights:\n  - {type: led, pin: 54}\nmute: {switch_pin: x}\n") == [
        "f:3:22: lights[0].pin: found 54; allowed: a whole number from 0 to 53",
        "      - {type: led, pin: 54}",
        "                         ^",
        "f:4:20: mute.switch_pin: found 'x'; allowed: a whole number from 0 to 53",
        "    mute: {switch_pin: x}",
        "                       ^",
    ]


def test_a_problem_of_an_included_file_shows_that_file(tmp_path: Path) -> None:
    (tmp_path / "board.yaml").write_text("lights: [{type: led, pin: 54}]\n", encoding="utf-8")
    (tmp_path / "config.yaml").write_text(f"include: board.yaml\n{LOCAL}", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "config.yaml")
    assert caught.value.report.splitlines()[1:] == ["    lights: [{type: led, pin: 54}]", " " * 30 + "^"]


@pytest.mark.parametrize(
    "line",
    [
        "service: {endpoint: 'https://x/?key=0123456789abcdef0123456789abcdef'}",
        "service: {local: true, proxy: 'ftp://lisa:pa55@proxy'}",
        "service: {local: true, api_key: abc}",
        "names: {0123456789abcdef0123456789abcdef: x}",
    ],
)
def test_a_line_that_may_hold_a_secret_is_not_shown(line: str) -> None:
    assert not any(shown.startswith(" ") for shown in report(line))


def test_the_caret_stands_right_below_wide_characters_and_in_long_lines() -> None:
    assert excerpt(["a: 声 x"], 1, 6).splitlines()[1] == "          ^"
    long = f"{'x ' * 100}! {'y ' * 100}"
    text, caret = excerpt([long], 1, 201).splitlines()
    assert text[caret.index("^")] == "!"
    assert len(text) < 120


@given(st.text(max_size=80), st.integers(0, 90))
def test_whatever_a_line_holds_two_printable_lines_are_shown_or_none(line: str, column: int) -> None:
    shown = excerpt([line], 1, column).split("\n")
    assert len(shown) in {1, 2}
    assert all(part.isprintable() for part in shown)


@pytest.mark.parametrize(
    ("text", "place", "name"),
    [
        ("service:\n  endpoint:\u00a0 https://kitchen.example\n", "2:12", "no-break space (U+00A0)"),
        (f"{LOCAL}triggers:\n  -\u00a0 {{type: button, pin: 17}}\n", "3:4", "no-break space (U+00A0)"),
        (f"{LOCAL}\ufeffgreetings:\n  welcome: {{say: Hi}}\n", "2:1", "zero width no-break space (U+FEFF)"),
        ("service:\n\u00a0 local: true\n", "2:1", "no-break space (U+00A0)"),
        ("service:\n  local\u00a0: true\n", "2:8", "no-break space (U+00A0)"),
        (f"{LOCAL}mute: {{\u200bswitch_pin: 4}}\n", "2:8", "zero width space (U+200B)"),
        (f"{LOCAL}mute: {{switch_pin: \u30004}}\n", "2:20", "ideographic space (U+3000)"),
    ],
)
def test_an_invisible_character_where_yaml_wants_a_space_is_the_one_thing_that_is_named(
    text: str, place: str, name: str
) -> None:
    assert problems(text) == [
        f"config.yaml:{place}: found an invisible character, {name}; remove it, or type a plain space"
    ]


@pytest.mark.parametrize("text", ["Bonjour\u00a0! Ça va\u202f?", "10\u00a0000 km", "👨\u200d👩\u200d👧"])
def test_in_the_middle_of_a_text_it_is_meant(text: str) -> None:
    assert misplaced_invisible(f"    say: {text}") is None
    assert read(f"{LOCAL}greetings: {{a: {{say: '{text}'}}}}", "f").greetings["a"].say == text
