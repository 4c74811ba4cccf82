"""A card's volume where its mixer tells decibels, and where it does not."""

from __future__ import annotations

from typing import Any

import alsaaudio
import pytest

from device_daemon.audio.alsa.mixer import _set_gain


class Control:
    """What alsaaudio shows of a control with steps of 3 dB between -60 and +6 dB, or of one without decibels."""

    def __init__(self, decibels: tuple[int, int] = (-6000, 600)) -> None:
        self.decibels = decibels
        self.percent: int | None = None
        self.cdb = 0

    def getrange(self, pcmtype: int, units: int) -> tuple[int, int]:
        assert (pcmtype, units) == (alsaaudio.PCM_PLAYBACK, alsaaudio.VOLUME_UNITS_DB)
        return self.decibels

    def setvolume(self, volume: int, pcmtype: int, units: int = alsaaudio.VOLUME_UNITS_PERCENTAGE) -> None:
        assert pcmtype == alsaaudio.PCM_PLAYBACK
        if units == alsaaudio.VOLUME_UNITS_DB:
            self.cdb = -(-volume // 300) * 300
        else:
            self.percent = volume

    def getvolume(self, **_: Any) -> list[int]:
        return [self.cdb, self.cdb - 300]


@pytest.mark.parametrize("gain", [1.0, 0.5, 0.03, 0.001])
def test_what_the_cards_steps_and_its_least_leave_is_made_by_the_samples(gain: float) -> None:
    control = Control()
    left = _set_gain(control, gain)
    assert left * 10 ** ((control.cdb - 600) / 2000) == pytest.approx(gain)


@pytest.mark.parametrize("garbage", [(9_804_992, 9_804_992), (139_828_783_497_816, 13), (13, 13)])
def test_a_card_that_tells_no_decibels_is_turned_up_and_the_samples_are_scaled(garbage: tuple[int, int]) -> None:
    control = Control(garbage)
    assert _set_gain(control, 0.125) == 0.125
    assert control.percent == 100


def test_a_card_whose_least_is_mute_is_muted_at_no_volume() -> None:
    control = Control((-9_999_999, 0))
    assert _set_gain(control, 0.0) == 0.0
    assert control.cdb <= -9_999_900
