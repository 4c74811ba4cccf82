"""Sound checks: cards open, microphone and speaker work, and the echo between them (delay and level)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from device_daemon.audio.alsa import Direction, Negotiated, open_stream
from device_daemon.audio.alsa.levels import MixerLevel, mixer_levels, silencing
from device_daemon.audio.microphone import Microphone
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Audio
from device_daemon.doctor import chirp, echo_path, remedies
from device_daemon.doctor.echo_advice import advise
from device_daemon.doctor.echo_path import EchoPath
from device_daemon.doctor.findings import Finding, failed, note, ok, skipped
from device_daemon.doctor.person import Person
from device_daemon.doctor.recording import PlaybackEvents, Recording
from device_daemon.doctor.runner import Check, in_thread

METER_MS: Final = 100
EARLY_MS: Final = 20
"""Tolerance of a card's clock."""


class Durations(Struct, frozen=True):
    """How much sound each check takes, in milliseconds."""

    settling_ms: int = 200
    """Ignored at the beginning: many microphones begin with a click, or with silence."""
    noise_ms: int = 1_000
    """For the background noise."""
    speech_ms: int = 4_000
    longest_echo_ms: int = 500


class _Times(Struct, frozen=True):
    """Times of a chirp (time.monotonic)."""

    requested_s: float
    started_s: float
    silent_s: float


class SoundChecks:
    """Checks of both cards. `volume` is the speaker's, in per cent, as the daemon would set it."""

    def __init__(
        self, audio: Audio, volume: int, config_path: Path, person: Person, durations: Durations | None = None
    ) -> None:
        self._microphone = audio.microphone
        self._speaker = msgspec.structs.replace(audio.speaker, volume=volume)
        self._echo = audio.echo.local or audio.echo.setting
        self._config_path = config_path
        self._person = person
        self._durations = durations or Durations()
        self._microphone_works = False
        """Whether the microphone gives more than digital silence."""
        self._voice_dbfs: float | None = None
        """How loud the person was who spoke."""

    async def check_card(self, direction: Direction) -> Check:
        """Whether the card opens, with which parameters, and whether its mixer silences it."""
        role, settings = ("microphone", self._microphone) if direction == "capture" else ("speaker", self._speaker)
        negotiated, levels = await in_thread(
            partial(_try_out, direction, settings.device, settings.period_ms, settings.periods)
        )
        yield ok(role, f"{settings.device}: {negotiated.compare(settings.period_ms, settings.periods)}")
        shut = silencing(levels)
        for level in shut:
            what = "is muted" if level.off and direction == "playback" else "is off" if level.off else "is at 0"
            yield failed(f"{role} mixer", f"{level.control} of the card {what}", _turn_up(level))
        if levels and not shut:
            yield ok(f"{role} mixer", ", ".join(map(str, levels)))

    async def check_microphone_sound(self) -> Check:
        """Level of background noise, and of a person who speaks."""
        async with self._recording() as heard:
            await heard.until_ms(self._durations.settling_ms + self._durations.noise_ms)
            noise = chirp.loudness(heard.pcm(self._durations.settling_ms))
            finding = self._judge_microphone(noise)
            yield finding
            self._microphone_works = not noise.dead
            if self._person.present and self._microphone_works:
                yield await self._check_voice(heard, noise.level_dbfs)

    def _judge_microphone(self, noise: chirp.Loudness) -> Finding:
        name = "microphone sound"
        measured = {"noise_dbfs": round(noise.level_dbfs, 1), "peak_dbfs": round(noise.peak_dbfs, 1)}
        if noise.dead:
            what = "digital silence: it opens, but every sample is the same; it is switched off, or not connected"
            return failed(
                name, what, "alsamixer -V capture    # and check the microphone's switch, plug and wires", **measured
            )
        if noise.clipped_share > chirp.CLIPPED_SHARE:
            what = f"{noise.clipped_share:.0%} of the samples are clipped: it is overdriven"
            return failed(
                name, what, self._edit("audio.microphone.gain_db: lower it; or alsamixer -V capture"), **measured
            )
        return ok(name, f"background noise at {noise.level_dbfs:.0f} dBFS", **measured)

    async def _check_voice(self, heard: Recording, noise_dbfs: float) -> Finding:
        name = "voice"
        self._person.instruct(f"say something now, for {self._durations.speech_ms // 1000} seconds")
        begin_ms = heard.ms
        while heard.ms < begin_ms + self._durations.speech_ms:
            await heard.until_ms(heard.ms + METER_MS)
            self._person.meter(chirp.loudness(heard.pcm(heard.ms - METER_MS)).level_dbfs)
        self._person.instruct("thank you")
        speech = heard.pcm(begin_ms)
        self._voice_dbfs = chirp.voice_dbfs(speech, noise_dbfs)
        if self._voice_dbfs is None:
            what = f"too quiet: nothing was {chirp.LEAST_SNR_DB:.0f} dB louder than the background noise at {noise_dbfs:.0f} dBFS"
            return failed(name, what, self._edit("audio.microphone.gain_db: 20; or alsamixer -V capture"))
        what = f"at {self._voice_dbfs:.0f} dBFS, background noise at {noise_dbfs:.0f} dBFS"
        measured = {"voice_dbfs": round(self._voice_dbfs, 1)}
        if chirp.loudness(speech).clipped_share > chirp.CLIPPED_SHARE:
            return note(
                name, f"{what}; the loudest parts are clipped", self._edit("audio.microphone.gain_db: -10"), **measured
            )
        return ok(name, what, **measured)

    async def check_speaker_sound(self) -> Check:
        """Play the sweep and ask whether it was heard; without a microphone."""
        await self._chirp(PlaybackEvents())
        yield await self._played()

    async def check_echo(self) -> Check:
        """Play the sweep, measure the echo path in the microphone signal, and say which `audio.echo` fits."""
        async with self._recording() as heard:
            await heard.until_ms(2 * self._durations.settling_ms)
            times = await self._chirp(PlaybackEvents())
            await heard.until_time(times.silent_s + self._durations.longest_echo_ms / 1000)
        if not self._microphone_works:
            yield await self._played()
            yield skipped("echo", "the microphone is silent")
            return
        begin = heard.frame_at(times.started_s)
        found = echo_path.measure(
            heard.pcm(),
            max(0, begin - EARLY_MS * chirp.FRAMES_PER_MS),
            begin + self._durations.longest_echo_ms * chirp.FRAMES_PER_MS,
        )
        if found is None:
            yield await self._not_heard()
        else:
            arrived_s = heard.time_of(found.frame)
            round_trip_ms, late_ms = ((arrived_s - since_s) * 1000 for since_s in (times.requested_s, times.started_s))
            yield ok("speaker sound", "plays chirps, and the microphone hears them")
            yield self._judge_echo(found, round_trip_ms, late_ms)
            yield self._advise(found, late_ms)

    async def _chirp(self, playing: PlaybackEvents) -> _Times:
        loop = asyncio.get_running_loop()
        speaker = Speaker(self._speaker, loop=loop, on_event=playing.take)
        try:
            speaker.start()
            speaker.play("doctor:nothing", bytes(chirp.FRAMES_PER_MS * 2), 1)
            await playing.until_silent(1)  # now the card is open, and the chirp starts at once
            requested_s = loop.time()
            speaker.play("doctor:chirp", echo_path.sweep(), 2)
            return _Times(requested_s, await playing.until_started("doctor:chirp"), await playing.until_silent(2))
        finally:
            await speaker.close()

    async def _played(self) -> Finding:
        name, what = "speaker sound", f"played four chirps at volume {self._speaker.volume}"
        match await self._person.confirm("did you hear chirps from the speaker?"):
            case True:
                return ok(name, f"{what}, and you heard them")
            case False:
                return failed(
                    name, f"{what}, but you heard nothing", "alsamixer    # and check the speaker's plug and switch"
                )
            case _:
                return ok(name, what)

    def _judge_echo(self, path: EchoPath, round_trip_ms: float, late_ms: float) -> Finding:
        drift = "unknown" if path.drift_ppm is None else f"{path.drift_ppm:.0f} ppm"
        what = (
            f"the microphone hears the chirps: round trip {round_trip_ms:.0f} ms ({late_ms:.0f} ms of it outside known"
            f" buffers), {path.level_db:.0f} dB relative to what was played at volume {self._speaker.volume};"
            f" distortion {path.distortion_db:.0f} dB; clocks of the cards apart: {drift}"
        )
        measured = {
            "round_trip_ms": round(round_trip_ms, 1),
            "late_ms": round(late_ms, 1),
            "echo_db": round(path.level_db, 1),
            "distortion_db": round(path.distortion_db, 1),
            "clipped_share": round(path.clipped_share, 4),
        }
        if path.drift_ppm is not None:
            measured["drift_ppm"] = round(path.drift_ppm, 1)
        return ok("echo", what, **measured)

    def _advise(self, path: EchoPath, late_ms: float) -> Finding:
        name = "talking over it"
        advice = advise(path, late_ms, self._voice_dbfs, self._echo, self._speaker.volume)
        measured = {} if advice.margin_db is None else {"margin_db": round(advice.margin_db, 1)}
        if advice.fits:
            return ok(name, advice.what, **measured)
        remedies = [f"voicelive-speaker volume {advice.volume}    # or move the microphone away"] * bool(advice.volume)
        remedies += [self._edit(advice.line)] * bool(advice.line)
        return note(name, advice.what, "\n".join(remedies), **measured)

    async def _not_heard(self) -> Finding:
        name, what = "echo", "the microphone does not hear the chirps"
        if self._echo == "hardware":
            return ok(name, f"{what}: the card cancels it, as audio.echo: hardware says")
        hardware = self._edit("audio.echo: hardware, if this card cancels its own echo, as speakerphones do")
        match await self._person.confirm("did you hear chirps from the speaker?"):
            case True:
                return note(name, f"{what}, but you did", hardware)
            case False:
                return failed(
                    name, f"{what}, and neither did you: the speaker is silent", "alsamixer    # and check its plug"
                )
            case _:
                return failed(
                    name, f"{what}: the speaker is silent, or far from the microphone", f"alsamixer\n{hardware}"
                )

    def _edit(self, setting: str) -> str:
        return remedies.edit(self._config_path, setting)

    @asynccontextmanager
    async def _recording(self) -> AsyncIterator[Recording]:
        heard = Recording()
        microphone = Microphone(
            self._microphone,
            loop=asyncio.get_running_loop(),
            on_periods=heard.take,
            on_failure=heard.fail,
            on_recovery=lambda: None,
        )
        try:
            microphone.open()
            yield heard
        finally:
            await microphone.close()


def _try_out(direction: Direction, device: str, period_ms: int, periods: int) -> tuple[Negotiated, list[MixerLevel]]:
    stream = open_stream(direction, device, period_ms, periods)
    try:
        return stream.negotiated, mixer_levels(stream.negotiated, direction)
    finally:
        stream.close()


def _turn_up(level: MixerLevel) -> str:
    switch = "unmute" if level.direction == "playback" else "cap"
    return f"amixer -D {level.mixer} sset '{level.control}' 80% {switch} && sudo alsactl store"
