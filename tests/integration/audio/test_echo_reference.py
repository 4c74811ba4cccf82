"""The echo reference is what the card played when the microphone's sample was taken: seen through the real alsa-lib."""

from __future__ import annotations

from pathlib import Path

from scripts.benchmark.echo_reference import measure


async def test_through_interruptions_and_underruns_it_stays_in_its_place(tmp_path: Path) -> None:
    found = await measure(tmp_path / "card", 6.0, interruptions=4, underruns=2)
    errors = found.settled_ms()
    assert found.flushes == 4
    assert len(errors) > 50
    assert max(map(abs, errors)) <= 0.5


async def test_between_two_clocks_that_drift_it_is_followed(tmp_path: Path) -> None:
    errors = (await measure(tmp_path / "card", 6.0, interruptions=1, ppm=200)).settled_ms()
    assert len(errors) > 50
    assert max(map(abs, errors)) <= 1.0


async def test_after_the_card_was_away_it_is_locked_again(tmp_path: Path) -> None:
    found = await measure(tmp_path / "card", 6.0, losses=1)
    errors = found.settled_ms()
    assert len(errors) > 30
    assert max(map(abs, errors)) <= 0.5
