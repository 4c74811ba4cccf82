"""Whatever bytes come from outside: never a traceback, and what each reader promises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import SEEDS, SLOW, TARGETS


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A good input with a piece cut out, repeated or replaced."""
    good = draw(st.sampled_from(seeds))
    start, end = sorted(draw(st.tuples(*[st.integers(0, len(good))] * 2)))
    return good[:start] + draw(st.binary(max_size=8) | st.just(good[start:end] * 3)) + good[end:]


@pytest.mark.parametrize("target", sorted(TARGETS.keys() - SLOW))
@settings(max_examples=60)
@given(data=st.data())
def test_any_bytes_keep_the_promise(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(st.binary(max_size=200) | damaged(SEEDS[target])))


@pytest.mark.parametrize("target", sorted(SLOW))
@settings(max_examples=8)
@given(data=st.data())
def test_so_do_those_that_take_a_process_each(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(damaged(SEEDS[target])))


@pytest.mark.parametrize("target", TARGETS)
def test_the_seeds_of_the_search_keep_it_too(target: str) -> None:
    for seed in SEEDS[target]:
        TARGETS[target](seed)
