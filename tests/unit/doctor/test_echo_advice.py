"""Which echo mode fits a room."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some
from msgspec.structs import replace

from device_daemon.doctor.echo_advice import HOPELESS_MARGIN_DB, LEAST_MARGIN_DB, SERVICE_VOICE_DBFS, advise
from device_daemon.doctor.echo_path import EchoPath

GOOD = EchoPath(frame=0, level_db=-15.0, distortion_db=-40.0, clipped_share=0.0, drift_ppm=20.0)


@pytest.mark.parametrize(
    ("path", "late_ms", "setting", "words", "line"),
    [
        ({"clipped_share": 0.2}, 5.0, "auto", "overdrives the microphone", "gain_db"),
        ({"level_db": 12.0}, 5.0, "auto", "no canceller can hear you", "echo: half-duplex"),
        ({}, 400.0, "auto", "400 ms later", "echo: half-duplex"),
        ({"distortion_db": -8.0}, 5.0, "speexdsp", "not linear", "echo: auto"),
        ({"level_db": 3.0}, 5.0, "auto", "may interrupt itself", ""),
        ({"drift_ppm": -600.0}, 5.0, "client-reference", "one card for both", ""),
    ],
)
def test_what_does_not_fit_is_named_with_the_line_that_changes_it(
    path: dict[str, Any], late_ms: float, setting: str, words: str, line: str
) -> None:
    advice = advise(replace(GOOD, **path), late_ms, None, setting, 80)
    assert not advice.fits
    assert words in advice.what
    assert line in advice.line
    assert bool(advice.line) is bool(line)


@pytest.mark.parametrize("setting", ["auto", "client-reference", "local", "service", "hardware"])
def test_a_good_room_fits_every_mode(setting: str) -> None:
    assert advise(GOOD, 5.0, None, setting, 80).fits


def test_a_loudspeaker_that_clips_is_no_matter_to_the_other_cancellers() -> None:
    assert advise(replace(GOOD, distortion_db=-8.0), 5.0, None, "auto", 80).fits


def test_half_duplex_fits_every_room() -> None:
    worst = EchoPath(frame=0, level_db=20.0, distortion_db=0.0, clipped_share=0.5, drift_ppm=None)
    assert advise(worst, 900.0, -60.0, "half-duplex", 100).fits


@given(level_db=some.floats(-40, 20), voice_dbfs=some.floats(-70, 0), volume=some.integers(10, 100))
def test_at_the_volume_that_is_advised_the_margin_is_enough_and_no_other_is_advised(
    level_db: float, voice_dbfs: float, volume: int
) -> None:
    advice = advise(replace(GOOD, level_db=level_db), 5.0, voice_dbfs, "auto", volume)
    assert advice.margin_db == voice_dbfs - (SERVICE_VOICE_DBFS + level_db)
    assert advice.fits is (advice.margin_db >= LEAST_MARGIN_DB)
    assert ("half-duplex" in advice.line) is (advice.margin_db < HOPELESS_MARGIN_DB)
    if advice.volume is not None:
        assert 1 <= advice.volume <= volume
