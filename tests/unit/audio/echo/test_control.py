"""What the mode in force makes of the microphone's audio, and what is said of it."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from device_daemon.audio.echo.control import NO_ECHO, EchoControl
from device_daemon.audio.echo.modes import EchoMode
from device_daemon.audio.pcm import BYTES_PER_FRAME, SAMPLE_RATE_HZ
from device_daemon.audio.period import Period
from device_daemon.config.settings import EchoSettings
from scripts.rig.acoustics import Wave
from tests.unit.audio.echo.rooms import echo_of, noise, pcm, talk

CHUNK = SAMPLE_RATE_HZ * 60 // 1000
QUIET = np.zeros(SAMPLE_RATE_HZ)


def control(mode: str) -> EchoControl:
    return EchoControl(EchoSettings(mode=mode), unavailable=lambda _canceller: None)  # type: ignore[arg-type]


def hear(echo: EchoControl, near: Wave, far: Wave) -> list[Period]:
    """Play and capture for a while, chunk by chunk as the two threads do."""
    heard: list[Period] = []
    captured, played = pcm(near), pcm(far)
    echo.track.begin()
    for at in range(0, len(near) - CHUNK, CHUNK):
        piece = slice(at * BYTES_PER_FRAME, (at + CHUNK) * BYTES_PER_FRAME)
        echo.track.write(played[piece])
        echo.track.anchor(0.0)
        heard += echo.process([Period(captured[piece], (at + CHUNK) / SAMPLE_RATE_HZ)])
    return heard


@pytest.mark.parametrize("mode", ["client-reference", "local"])
def test_headphones_are_noticed_said_once_and_nothing_is_cancelled(mode: str, caplog: pytest.LogCaptureFixture) -> None:
    if mode == "local":
        pytest.importorskip("pywebrtc_audio")
    echo = control(mode)
    near = noise(9.0, 20, 1)
    with caplog.at_level(logging.INFO):
        heard = hear(echo, near, np.concatenate([QUIET, talk(8.0, 3_000, 2)]))
    assert NO_ECHO in echo.choice().reason
    assert echo.choice().mode is EchoMode(mode)
    assert sum(NO_ECHO in record.getMessage() for record in caplog.records) == 1
    assert all(not period.reference for period in heard[-20:]), "no reference stands for silence"
    last = b"".join(period.pcm for period in heard[-20:])
    assert last in pcm(near), "what was captured is sent as it is"


def test_a_loudspeaker_that_is_heard_goes_beside_the_microphone() -> None:
    echo = control("client-reference")
    played = np.concatenate([QUIET, talk(6.0, 3_000, 2)])
    heard = hear(echo, echo_of(played, 6.0, -6.0, 1) + noise(7.0, 20, 1), played)
    assert NO_ECHO not in echo.choice().reason
    assert heard[-1].reference == pcm(played)[(len(heard) - 1) * CHUNK * BYTES_PER_FRAME :][: CHUNK * BYTES_PER_FRAME]


@pytest.mark.parametrize("mode", ["hardware", "service", "half-duplex"])
def test_the_other_modes_leave_the_microphone_as_it_is(mode: str) -> None:
    echo = control(mode)
    near = noise(1.0, 20, 1)
    assert b"".join(period.pcm for period in hear(echo, near, talk(1.0, 3_000, 2))) in pcm(near)
