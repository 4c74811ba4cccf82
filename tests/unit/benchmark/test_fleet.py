"""What many speakers do to one service after a power cut, by the daemon's own backoff."""

from __future__ import annotations

import random

import pytest

from device_daemon.voicelive.quota import PER_MINUTE
from scripts.benchmark.fleet_power_cut import most_in_a_minute, power_cut


@pytest.mark.parametrize("seed", range(20))
def test_thirty_speakers_that_start_together_stay_under_the_quota_by_chance_alone(seed: int) -> None:
    cut = power_cut(30, random.Random(seed))
    assert cut.worst_minute < PER_MINUTE
    assert len(cut.attempts_s) == len(cut.accepted_s) == 30, "none was refused"


def test_of_five_hundred_all_reach_the_service_in_the_end_and_no_minute_has_more_than_its_quota() -> None:
    cut = power_cut(500, random.Random(1))
    assert len(cut.accepted_s) == 500
    assert most_in_a_minute(cut.accepted_s) <= PER_MINUTE


def test_without_the_spread_they_would_come_all_at_once() -> None:
    assert power_cut(60, random.Random(1), spread=False).worst_minute > 2 * PER_MINUTE
