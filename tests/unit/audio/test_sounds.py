from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import numpy.typing as npt
import pytest

from device_daemon import errors
from device_daemon.audio import sounds
from device_daemon.audio.pcm import BYTES_PER_MS
from device_daemon.audio.sounds import Earcon, earcon, notice, prepared_notice
from device_daemon.language.language import language_for

needs_espeak = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
ENGLISH = language_for()
EARCONS: tuple[Earcon, ...] = get_args(Earcon)


@pytest.fixture(autouse=True)
def nothing_spoken_yet() -> Iterator[None]:
    sounds._spoken.clear()
    yield
    sounds._spoken.clear()


def samples(name: Earcon) -> npt.NDArray[np.int64]:
    return np.frombuffer(earcon(name), "<i2").astype(np.int64)


def pitch_hz(part: npt.NDArray[np.int64]) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(part, 48_000))) / 2)


def subclasses(kind: type[errors.SpeakerError]) -> Iterator[type[errors.SpeakerError]]:
    yield kind
    for derived in kind.__subclasses__():
        yield from subclasses(derived)


@pytest.mark.parametrize("name", EARCONS)
def test_an_earcon_is_short_and_that_of_timers_leaves_room_before_it_comes_again(name: Earcon) -> None:
    assert 80 * BYTES_PER_MS <= len(earcon(name)) <= (900 if name == "timer" else 250) * BYTES_PER_MS


@pytest.mark.parametrize("name", EARCONS)
def test_an_earcon_is_soft_and_as_loud_as_the_others(name: Earcon) -> None:
    assert np.abs(samples(name)).max() == pytest.approx(0.3 * 32_768, abs=1)


@pytest.mark.parametrize("name", EARCONS)
def test_an_earcon_begins_and_ends_in_silence(name: Earcon) -> None:
    made = samples(name)
    assert made[0] == 0
    assert np.abs(made[:12]).max() < 200
    assert np.abs(made[-24:]).max() < 100


@pytest.mark.parametrize("name", EARCONS)
def test_an_earcon_has_no_click_in_it(name: Earcon) -> None:
    made = samples(name).astype(float)
    spectra = [np.abs(np.fft.rfft(made[at : at + 240] * np.hanning(240))) for at in range(0, len(made) - 240, 60)]
    loudest = max(spectrum.max() for spectrum in spectra)
    # A click is loud everywhere at once; these tones end at 2.4 kHz.
    assert max(spectrum[60:].max() for spectrum in spectra) < loudest / 1000


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(EARCONS, 2)))
def test_earcons_differ(one: Earcon, other: Earcon) -> None:
    assert earcon(one) != earcon(other)


@pytest.mark.parametrize(("name", "rises"), [("ready", True), ("unmuted", True), ("muted", False), ("error", False)])
def test_what_begins_rises_and_what_ends_falls(name: Earcon, rises: bool) -> None:
    made = samples(name)
    third = len(made) // 3
    assert (pitch_hz(made[-third:]) > pitch_hz(made[:third])) is rises


def test_an_earcon_is_made_once() -> None:
    assert earcon("ready") is earcon("ready")


def test_every_error_has_a_notice_or_wants_none() -> None:
    wanted = {kind.notice for kind in subclasses(errors.SpeakerError)} - {""}
    assert wanted <= set(ENGLISH.notices)


@needs_espeak
@pytest.mark.parametrize("name", ENGLISH.notices)
async def test_a_notice_begins_with_an_earcon_and_is_over_in_4_s(name: str) -> None:
    pcm = await notice(name, ENGLISH)
    assert pcm.startswith(earcon("moment" if name == "moment" else "error"))
    assert 1000 * BYTES_PER_MS < len(pcm) <= 4000 * BYTES_PER_MS


def test_a_timers_notice_in_a_conversation_is_its_earcon() -> None:
    assert prepared_notice("timer", ENGLISH) == earcon("timer")


@needs_espeak
async def test_in_a_conversation_a_notice_takes_no_time_and_is_an_earcon_until_it_was_spoken() -> None:
    before = prepared_notice("moment", ENGLISH)
    spoken = await notice("moment", ENGLISH)
    assert before in {earcon("moment"), spoken}
    assert prepared_notice("moment", ENGLISH) == spoken


@needs_espeak
async def test_a_notice_is_spoken_once_and_kept() -> None:
    assert await notice("offline", ENGLISH) is await notice("offline", ENGLISH)


async def test_without_a_voice_a_notice_is_the_error_sound_and_the_log_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await notice("offline", ENGLISH) == earcon("error")
    assert "apt install espeak-ng" in caplog.text


@needs_espeak
async def test_a_voice_that_is_installed_later_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as before:
        before.setenv("PATH", str(tmp_path))
        await notice("key", ENGLISH)
    assert len(await notice("key", ENGLISH)) > len(earcon("error"))


async def test_a_notice_that_does_not_exist_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(KeyError):
        await notice("no-such-notice", ENGLISH)
