"""The doctor's sound checks over the simulated card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from device_daemon.config.settings import Audio, EchoSettings, MicrophoneSettings, SpeakerSettings
from device_daemon.doctor.findings import Finding, Status
from device_daemon.doctor.person import Nobody, Person
from device_daemon.doctor.runner import Check, CheckRunner
from device_daemon.doctor.sound import Durations, SoundChecks
from scripts.rig.acoustics import impulse_response
from scripts.rig.card import SimulatedCard
from scripts.rig.tracks import Samples
from tests.unit.doctor.test_gpio_checks import Somebody

CONFIG = Path("/etc/voicelive-speaker/config.yaml")
DEADLINE_S = 10.0
QUICK = Durations(settling_ms=80, noise_ms=150, speech_ms=300, longest_echo_ms=200)
PlugIn = Callable[..., SimulatedCard]


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlugIn]:
    """Give the machine a sound card in a quiet room."""
    cards: list[SimulatedCard] = []  # each exists as long as somebody has it

    def plug_in(noise: float = 20.0, **properties: Any) -> SimulatedCard:
        card = SimulatedCard(tmp_path / "card", history_s=30.0, **properties)
        for name, value in card.environment().items():
            monkeypatch.setenv(name, value)
        card.say(sound(noise))
        cards.append(card)
        return card

    yield plug_in
    cards.clear()


def sound(loudness: float, seconds: float = 10.0) -> Samples:
    noise = np.random.default_rng(7).normal(0, 1, int(24_000 * seconds)) * loudness
    return np.clip(noise, -32_768, 32_767).astype(np.int16)


def doctor(person: Person | None = None, volume: int = 100, **audio: Any) -> SoundChecks:
    # A busy machine must not cost samples: that has tests of its own.
    settings = {"microphone": MicrophoneSettings(periods=16), "speaker": SpeakerSettings(periods=16)} | audio
    return SoundChecks(Audio(**settings), volume, CONFIG, person or Nobody(), QUICK)


async def found(*checks: Check) -> dict[str, Finding]:
    runner = CheckRunner(lambda _: None, lambda error: type(error).__name__)
    for check in checks:
        await runner.run("thing", check, DEADLINE_S)
    return {finding.name: finding for finding in runner.findings}


@pytest.mark.parametrize(
    ("card", "delay_ms", "gain_db", "volume"),
    [
        ({}, 3.0, -12.0, 100),
        ({"rate_hz": 48_000, "channels": 2, "coarse_pointer": True}, 120.0, -20.0, 50),
    ],
)
async def test_it_hears_itself_as_late_and_as_loud_as_it_is(
    card: dict[str, Any], delay_ms: float, gain_db: float, volume: int, plug_in: PlugIn
) -> None:
    simulated = plug_in(echo_gain=10 ** (gain_db / 20), echo_delay_ms=delay_ms, **card)
    checks = doctor(volume=volume)
    findings = await found(checks.check_microphone_sound(), checks.check_echo())
    assert list(findings) == ["microphone sound", "speaker sound", "echo", "talking over it"]
    assert all(finding.status is Status.OK for finding in findings.values()), findings
    measured = findings["echo"].measured
    assert measured["late_ms"] == pytest.approx(delay_ms, abs=4)
    assert measured["round_trip_ms"] >= measured["late_ms"]
    assert measured["echo_db"] == pytest.approx(gain_db + 60 * np.log10(volume / 100), abs=0.7)
    assert not simulated.microphone_open
    assert not simulated.speaker_open


async def test_the_sweep_tells_a_room_with_a_poor_loudspeaker_and_two_clocks(plug_in: PlugIn) -> None:
    card = plug_in()
    card.set_room(impulse_response(6.0) * 10 ** (-12 / 20), clip_ceiling=6_000.0, noise=10.0, capture_ppm=150)
    checks = doctor()
    findings = await found(checks.check_microphone_sound(), checks.check_echo())
    measured = findings["echo"].measured
    assert measured["drift_ppm"] == pytest.approx(150, abs=20)
    assert measured["distortion_db"] > -15
    assert measured["clipped_share"] == 0
    assert findings["talking over it"].status is Status.OK
    assert "audio.echo: auto fits" in findings["talking over it"].what


async def test_a_person_who_is_far_softer_than_the_echo_is_advised_a_volume(plug_in: PlugIn) -> None:
    card = plug_in(noise=5.0, echo_gain=1.0, echo_delay_ms=5.0)

    def speak() -> None:
        card.say(sound(150.0, 3.0))

    checks = doctor(Somebody(does=speak))
    finding = (await found(checks.check_microphone_sound(), checks.check_echo()))["talking over it"]
    assert finding.status is Status.NOTE
    assert "no canceller can hear you" in finding.what
    assert finding.measured["margin_db"] == pytest.approx(-31, abs=3)
    assert "voicelive-speaker volume 3" in finding.remedy
    assert "audio: {echo: half-duplex}" in finding.remedy


async def test_one_that_does_not_hear_itself_says_what_to_look_at(plug_in: PlugIn) -> None:
    plug_in()
    checks = doctor()
    finding = (await found(checks.check_microphone_sound(), checks.check_echo()))["echo"]
    assert finding.status is Status.FAILED
    assert "far from the microphone" in finding.what
    assert "alsamixer" in finding.remedy


@pytest.mark.parametrize(
    ("answer", "echo", "status", "words"),
    [
        (True, "service", Status.NOTE, "but you did"),
        (False, "service", Status.FAILED, "neither did you"),
        (None, "hardware", Status.OK, "the card cancels it"),
    ],
)
async def test_what_a_person_hears_and_what_the_card_does_tell_why(
    answer: bool | None, echo: Any, status: Status, words: str
) -> None:
    finding = await doctor(Somebody(answer), echo=EchoSettings(mode=echo))._not_heard()
    assert finding.status is status
    assert words in finding.what
    assert bool(finding.remedy) is (status is not Status.OK)


async def test_digital_silence_is_a_failure_and_no_echo_is_looked_for_in_it(plug_in: PlugIn) -> None:
    plug_in(noise=0.0)
    checks = doctor()
    findings = await found(checks.check_microphone_sound(), checks.check_echo())
    assert findings["microphone sound"].status is Status.FAILED
    assert "digital silence" in findings["microphone sound"].what
    assert findings["speaker sound"].status is Status.OK
    assert findings["echo"].status is Status.SKIPPED


async def test_a_microphone_that_is_overdriven_is_a_failure(plug_in: PlugIn) -> None:
    plug_in(noise=60_000.0)
    finding = (await found(doctor().check_microphone_sound()))["microphone sound"]
    assert finding.status is Status.FAILED
    assert "gain_db" in finding.remedy


async def test_a_voice_is_asked_for_and_heard_over_the_room(plug_in: PlugIn) -> None:
    card = plug_in()

    def speak() -> None:
        card.say(sound(3_000.0))

    finding = (await found(doctor(Somebody(does=speak)).check_microphone_sound()))["voice"]
    assert finding.status is Status.OK
    assert finding.measured["voice_dbfs"] == pytest.approx(-20, abs=3)


async def test_one_short_word_in_all_that_time_is_no_quiet_voice(plug_in: PlugIn) -> None:
    card = plug_in(noise=0.0)
    card.say(np.concatenate([sound(20.0, 1.0), sound(3_000.0, 0.15), sound(20.0)]))
    durations = msgspec.structs.replace(QUICK, speech_ms=2_000)
    checks = SoundChecks(Audio(), 100, CONFIG, Somebody(), durations)
    finding = (await found(checks.check_microphone_sound()))["voice"]
    assert finding.status is Status.OK
    assert finding.measured["voice_dbfs"] == pytest.approx(-20, abs=3)


async def test_a_voice_that_is_not_there_is_a_failure(plug_in: PlugIn) -> None:
    plug_in()
    person = Somebody()
    finding = (await found(doctor(person).check_microphone_sound()))["voice"]
    assert finding.status is Status.FAILED
    assert "say something" in person.asked[0]


async def test_the_negotiated_parameters_are_reported(plug_in: PlugIn) -> None:
    plug_in(rate_hz=48_000)
    checks = doctor(microphone=MicrophoneSettings(device="simcard"))
    findings = await found(checks.check_card("capture"), checks.check_card("playback"))
    assert "48000 Hz" in findings["microphone"].what
    assert findings["speaker"].status is Status.OK


async def test_without_a_microphone_the_chirp_is_played_all_the_same(plug_in: PlugIn) -> None:
    plug_in()
    finding = (await found(doctor(Somebody(answer=True)).check_speaker_sound()))["speaker sound"]
    assert (finding.status, "you heard them" in finding.what) == (Status.OK, True)


async def test_cards_that_are_gone_or_busy_are_reported_by_their_own_errors(plug_in: PlugIn) -> None:
    card = plug_in()
    card.busy = True
    assert (await found(doctor().check_card("capture")))["thing"].remedy == "DeviceBusy"
    assert (await found(doctor().check_microphone_sound()))["thing"].remedy == "DeviceBusy"
    card.busy = False
    card.unplug()
    assert (await found(doctor().check_card("playback")))["thing"].remedy == "DeviceUnknown"
    assert (await found(doctor().check_speaker_sound()))["thing"].remedy == "DeviceUnknown"
