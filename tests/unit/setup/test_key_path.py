"""Key paths name values as the messages of check-config do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.config.problems import dotted
from device_daemon.setup.key_path import WrongKeyPath, look_up, parse

names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)


@given(names, st.lists(names | st.integers(0, 99), max_size=5))
def test_a_path_is_read_as_messages_write_it(first: str, rest: list[str | int]) -> None:
    assert parse(dotted((first, *rest))) == (first, *rest)


@pytest.mark.parametrize("text", ["", ".", "[0]", "a..b", "a[", "a[x]", "a b", "a.", "a[99999]", "a[-1]"])
def test_any_other_text_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WrongKeyPath, match=r"write it like service\.endpoint or triggers\[0\]\.pin"):
        parse(text)


def test_a_key_that_is_not_there_names_those_that_are() -> None:
    values = {"audio": {"echo": "service"}, "triggers": [{"pin": 17}]}
    assert look_up(values, parse("triggers[0].pin")) == 17
    for text, words in (
        ("audio.eco", "there is no audio.eco; there are: echo"),
        ("audio[0]", "audio is no list"),
        ("triggers[1]", "triggers has 1 entries; they are counted from 0"),
        ("audio.echo.x", "audio.echo has no keys below it"),
    ):
        with pytest.raises(WrongKeyPath) as caught:
            look_up(values, parse(text))
        assert words in str(caught.value)
