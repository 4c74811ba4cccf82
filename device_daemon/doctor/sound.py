"""Microphone and speaker: that they open, that something comes through, and that the device hears itself."""

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
from device_daemon.doctor import chirp, remedies
from device_daemon.doctor.findings import Finding, failed, note, ok, skipped
from device_daemon.doctor.person import Person
from device_daemon.doctor.recording import Playing, Recording
from device_daemon.doctor.runner import Check, in_thread

ROOM_MS: Final = 1_000
SETTLING_MS: Final = 200
"""Many microphones begin with a crack, or with nothing."""
SPEECH_MS: Final = 4_000
METER_MS: Final = 100
LONGEST_ECHO_MS: Final = 500
CLIPPED_SHARE: Final = 0.001
OVER_THE_ROOM_DB: Final = 10.0
LOUD_ECHO_DB: Final = -3.0
LATE_MS: Final = 150.0
EARLY_MS: Final = 20
"""A card's clock is known to some milliseconds."""


class _Times(Struct, frozen=True):
    """Of a chirp, in time.monotonic()."""

    told_s: float
    started_s: float
    silent_s: float


class SoundChecks:
    """One look at both cards. `volume` is the speaker's, in per cent, as the daemon would set it."""

    def __init__(self, audio: Audio, volume: int, config_path: Path, person: Person) -> None:
        self._microphone = audio.microphone
        self._speaker = msgspec.structs.replace(audio.speaker, volume=volume)
        self._echo = audio.echo
        self._config_path = config_path
        self._person = person
        self._hears = False
        """Whether something comes out of the microphone."""

    async def look_at(self, direction: Direction) -> Check:
        """Whether the card can be opened, what it agreed to, and that its mixer is not shut."""
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

    async def listen(self) -> Check:
        """What the microphone makes of the room, and of somebody who speaks."""
        async with self._recording() as heard:
            await heard.lasts(SETTLING_MS + ROOM_MS)
            room = chirp.loudness(heard.pcm(SETTLING_MS))
            finding = self._judge(room)
            yield finding
            self._hears = not room.dead
            if self._person.present and self._hears:
                yield await self._hear_person(heard, room.level_dbfs)

    def _judge(self, room: chirp.Loudness) -> Finding:
        name = "microphone sound"
        measured = {"room_dbfs": round(room.level_dbfs, 1), "peak_dbfs": round(room.peak_dbfs, 1)}
        if room.dead:
            what = "digital silence: it opens, and every sample is the same; it is switched off, or not wired"
            return failed(
                name, what, "alsamixer -V capture    # and the microphone's own switch, plug, or wires", **measured
            )
        if room.clipped_share > CLIPPED_SHARE:
            what = f"{room.clipped_share:.0%} of it is as loud as it gets: it is overdriven"
            return failed(
                name, what, self._edit("audio.microphone.gain_db: lower it; or alsamixer -V capture"), **measured
            )
        return ok(name, f"the room is at {room.level_dbfs:.0f} dBFS", **measured)

    async def _hear_person(self, heard: Recording, room_dbfs: float) -> Finding:
        name = "voice"
        self._person.tell(f"say something now, for {SPEECH_MS // 1000} seconds")
        begin_ms = heard.ms
        while heard.ms < begin_ms + SPEECH_MS:
            await heard.lasts(heard.ms + METER_MS)
            self._person.meter(chirp.loudness(heard.pcm(heard.ms - METER_MS)).level_dbfs)
        self._person.tell("thank you")
        speech = heard.pcm(begin_ms)
        level_dbfs = chirp.loudest_dbfs(speech)
        what = f"at {level_dbfs:.0f} dBFS, over a room at {room_dbfs:.0f} dBFS"
        measured = {"voice_dbfs": round(level_dbfs, 1)}
        if level_dbfs < room_dbfs + OVER_THE_ROOM_DB:
            mend = self._edit("audio.microphone.gain_db: 20; or alsamixer -V capture")
            return failed(name, f"not heard: the loudest was {what}", mend, **measured)
        if chirp.loudness(speech).clipped_share > CLIPPED_SHARE:
            return note(
                name, f"{what}; the loudest of it is cut off", self._edit("audio.microphone.gain_db: -10"), **measured
            )
        return ok(name, what, **measured)

    async def play(self) -> Check:
        """Play a chirp, where no microphone can hear it."""
        await self._chirp(Playing())
        yield await self._played()

    async def hear_itself(self) -> Check:
        """Play a chirp and find it in the microphone."""
        async with self._recording() as heard:
            await heard.lasts(2 * SETTLING_MS)
            times = await self._chirp(Playing())
            await heard.reaches(times.silent_s + LONGEST_ECHO_MS / 1000)
        if not self._hears:
            yield await self._played()
            yield skipped("echo", "the microphone gives nothing to look for the chirp in")
            return
        begin = heard.frame_at(times.started_s)
        found = chirp.find(
            heard.pcm(),
            max(0, begin - EARLY_MS * chirp.FRAMES_PER_MS),
            begin + LONGEST_ECHO_MS * chirp.FRAMES_PER_MS,
        )
        if found is None:
            yield await self._not_heard()
        else:
            arrived_s = heard.time_of(found.frame)
            round_trip_ms, late_ms = ((arrived_s - since_s) * 1000 for since_s in (times.told_s, times.started_s))
            yield ok("speaker sound", "plays a chirp, and the microphone hears it")
            yield self._judge_echo(round_trip_ms, late_ms, found.level_db)

    async def _chirp(self, playing: Playing) -> _Times:
        loop = asyncio.get_running_loop()
        speaker = Speaker(self._speaker, loop=loop, on_event=playing.take)
        try:
            speaker.start()
            speaker.play("doctor:nothing", bytes(chirp.FRAMES_PER_MS * 2), 1)
            await playing.until_silent(1)  # from here on the card is open and nothing has to be waited for
            told_s = loop.time()
            speaker.play("doctor:chirp", chirp.chirps(), 2)
            return _Times(told_s, await playing.until_started("doctor:chirp"), await playing.until_silent(2))
        finally:
            await speaker.close()

    async def _played(self) -> Finding:
        name, what = "speaker sound", f"took two chirps at volume {self._speaker.volume}"
        match await self._person.confirms("did you hear two chirps from the speaker?"):
            case True:
                return ok(name, f"{what}, and you heard them")
            case False:
                return failed(
                    name, f"{what}, and you heard nothing", "alsamixer    # and the speaker's own plug and switch"
                )
            case _:
                return ok(name, what)

    def _judge_echo(self, round_trip_ms: float, late_ms: float, level_db: float) -> Finding:
        name = "echo"
        what = (
            f"hears its own chirp: round trip {round_trip_ms:.0f} ms ({late_ms:.0f} ms of it outside the buffers we know),"
            f" {level_db:.0f} dB of what was played at volume {self._speaker.volume}"
        )
        measured = {
            "round_trip_ms": round(round_trip_ms, 1),
            "late_ms": round(late_ms, 1),
            "echo_db": round(level_db, 1),
        }
        if level_db > LOUD_ECHO_DB:
            mend = "voicelive-speaker volume 50    # or move the microphone away from the speaker, or audio.echo: half-duplex"
            return note(name, f"{what}; so loud that it may interrupt itself", mend, **measured)
        if late_ms > LATE_MS:
            mend = self._edit("audio.speaker.device: the card itself, plughw:…, without Bluetooth or a sound server")
            return note(name, f"{what}; so late that echo cancelling may not find it", mend, **measured)
        return ok(name, what, **measured)

    async def _not_heard(self) -> Finding:
        name, what = "echo", "does not hear its own chirp"
        if self._echo == "hardware":
            return ok(name, f"{what}: the card takes it away, as audio.echo: hardware says")
        hardware = self._edit("audio.echo: hardware, if this card takes its own echo away, as speakerphones do")
        match await self._person.confirms("did you hear two chirps from the speaker?"):
            case True:
                return note(name, f"{what}, but you did", hardware)
            case False:
                return failed(
                    name, f"{what}, and neither did you: the speaker is silent", "alsamixer    # and its plug"
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
