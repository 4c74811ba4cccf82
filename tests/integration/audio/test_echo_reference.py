"""The echo reference is what the card played when the microphone's sample was taken: seen through the real alsa-lib."""

from __future__ import annotations

from pathlib import Path

from scripts.benchmark.echo_reference import measure

LONGEST_MS = 200


async def test_through_interruptions_and_underruns_it_stays_in_its_place(tmp_path: Path) -> None:
    found = await measure(tmp_path / "card", 6.0, interruptions=4, underruns=2)
    assert found.flushes == 4
    assert len(found.pieces) > 60
    assert found.longest_not_locked_ms(0.5) <= LONGEST_MS


async def test_between_two_clocks_that_drift_it_is_followed(tmp_path: Path) -> None:
    found = await measure(tmp_path / "card", 6.0, interruptions=1, ppm=200)
    assert len(found.pieces) > 60
    assert found.longest_not_locked_ms(1.0) <= LONGEST_MS


async def test_after_the_card_was_away_it_is_locked_again_from_the_first_sounds_on(tmp_path: Path) -> None:
    found = await measure(tmp_path / "card", 6.0, losses=1)
    assert found.reopened == 1
    assert len(found.pieces) > 30
    assert found.longest_not_locked_ms(0.5) <= LONGEST_MS
