"""What a measured echo path means for talking over the speaker: which `audio.echo` fits, or which volume would. Pure.

The limits are those of the measured figures (docs/measured.md, Echo): with a canceller every interruption by a person 6 dB
softer than the echo was noticed, whatever the loudspeaker does.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from device_daemon.doctor.chirp import CLIPPED_SHARE
from device_daemon.doctor.echo_path import EchoPath

SERVICE_VOICE_DBFS: Final = -15.0
"""The loudest tenth of a synthetic voice of -20 dBFS, as the service sends it."""
LEAST_MARGIN_DB: Final = -6.0
"""So much softer than the echo may a person be."""
HOPELESS_MARGIN_DB: Final = -20.0
"""A canceller that removes 30 dB leaves the person 10 dB over the rest."""
LOUD_ECHO_DB: Final = -3.0
"""Without a person to compare with: an echo this much softer than what is played, or louder, is hard to talk over."""
HOPELESS_ECHO_DB: Final = 9.0
LATE_MS: Final = 150.0
DISTORTED_DB: Final = -20.0
"""speexdsp is of no use with more; AEC3 copes."""
FAR_APART_PPM: Final = 250.0
"""Cancelling was measured with clocks that are 200 ppm apart."""
_CURVE_DB: Final = 60.0
"""Loudness by volume: 60 dB x log10(volume / 100), on every card."""


class Advice(Struct, frozen=True):
    """What to say."""

    fits: bool
    """What is set now fits."""
    what: str
    line: str
    """The line for the config, or "" where nothing is to be changed in it."""
    volume: int | None = None
    """The volume at which a canceller copes, where the present one is too high."""
    margin_db: float | None = None
    """How much louder than the echo of an answer a person is at the microphone (double-talk margin)."""


def advise(path: EchoPath, late_ms: float, voice_dbfs: float | None, setting: str, volume: int) -> Advice:
    """Judge an echo path.

    Args:
        path: as measured.
        late_ms: how much later than the sound cards know the echo comes.
        voice_dbfs: how loud a person was at the microphone; None if nobody spoke.
        setting: `audio.echo` as it is, "speexdsp" for that canceller.
        volume: at which it was measured.
    """
    margin_db = None if voice_dbfs is None else voice_dbfs - (SERVICE_VOICE_DBFS + path.level_db)
    too_loud_db, hopeless = _too_loud(path, margin_db)
    lower = max(1, round(volume * 10 ** (-too_loud_db / _CURVE_DB))) if too_loud_db > 0 else None
    heard = (
        "" if margin_db is None else f"your voice is {abs(margin_db):.0f} dB {_than(margin_db)} than an answer's echo; "
    )
    if setting == "half-duplex":
        return Advice(fits=True, what=f"{heard}half-duplex needs no canceller", line="", margin_db=margin_db)
    if path.clipped_share > CLIPPED_SHARE:
        what = (
            f"{heard}the loudspeaker overdrives the microphone ({path.clipped_share:.0%} of the loud chirp is clipped)"
        )
        line = "audio: {microphone: {gain_db: -10}}"
        return Advice(fits=False, what=what, line=line, volume=lower or volume * 3 // 4, margin_db=margin_db)
    if hopeless:
        what = f"{heard}at volume {volume} the echo is so loud that no canceller can hear you over it"
        return Advice(fits=False, what=what, line="audio: {echo: half-duplex}", volume=lower, margin_db=margin_db)
    if late_ms > LATE_MS:
        what = f"{heard}the echo comes {late_ms:.0f} ms later than the cards say, which a canceller may not follow"
        return Advice(fits=False, what=what, line="audio: {echo: half-duplex}", margin_db=margin_db)
    if setting == "speexdsp" and path.distortion_db > DISTORTED_DB:
        what = f"{heard}the loudspeaker is not linear ({path.distortion_db:.0f} dB), which speexdsp cannot cancel"
        return Advice(fits=False, what=what, line="audio: {echo: auto}", margin_db=margin_db)
    if lower is not None:
        what = f"{heard}the speaker may interrupt itself, or not hear you while it speaks"
        return Advice(fits=False, what=what, line="", volume=lower, margin_db=margin_db)
    if path.drift_ppm is not None and abs(path.drift_ppm) > FAR_APART_PPM:
        what = f"{heard}the clocks of the two cards are {path.drift_ppm:.0f} ppm apart: use one card for both"
        return Advice(fits=False, what=what, line="", margin_db=margin_db)
    return Advice(fits=True, what=f"{heard}audio.echo: {setting} fits", line="", margin_db=margin_db)


def _too_loud(path: EchoPath, margin_db: float | None) -> tuple[float, bool]:
    """Return by how many dB the echo is too loud (0 or less: it is not), and whether talking over it is hopeless."""
    if margin_db is not None:
        return LEAST_MARGIN_DB - margin_db, margin_db < HOPELESS_MARGIN_DB
    return path.level_db - LOUD_ECHO_DB, path.level_db > HOPELESS_ECHO_DB


def _than(margin_db: float) -> str:
    return "louder" if margin_db >= 0 else "softer"
