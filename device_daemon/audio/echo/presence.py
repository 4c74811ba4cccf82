"""Whether the microphone hears the loudspeaker at all: with headphones there is no echo, and nothing to cancel.

Energy-based, in frames of 10 ms, without numpy. While the loudspeaker has been loud for longer than any echo takes, a
microphone that hears it is seldom as quiet as the room: frames that are prove that there is no echo. Loud frames prove
nothing, they may be a person.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from device_daemon.audio.echo.cancellers import FRAME_BYTES, FRAME_MS
from device_daemon.audio.gain import energy

LATEST_ECHO_MS: Final = 200
"""An echo comes later than this over a radio link only."""
PROOF_MS: Final = 2_000
"""How much loud sound of the loudspeaker has to pass unheard until there is no echo."""
LOOK_BACK_MS: Final = 1_000
"""Over how much loud sound it is judged whether the loudspeaker is heard (again)."""
_UNHEARD_SHARE: Final = 0.9
"""More of these frames have to be as quiet as the room than a weak echo of speech, heard in its vowels only, leaves."""
_HEARD_SHARE: Final = 0.25
"""Fewer, and it is an echo. A person with headphones may speak like that as well; then it takes another proof."""
_LOUD: Final = 10 ** (-45 / 10) * 2**30
"""A loudspeaker's frame of -45 dBFS and more should be heard."""
_ABOVE_ROOM: Final = 2.0
"""A frame of up to 3 dB above the room's own noise is as quiet as the room."""
_ROOM_RISES: Final = 1.01
"""The room's noise is followed by 4 dB per second upwards, and at once downwards."""
ROOM_MS: Final = 500
"""How long the room has to be heard without the loudspeaker until its noise is known: a person's words have gaps."""


class EchoPresence:
    """Fed with what is captured and what sounds, piece by piece; says whether one is heard in the other."""

    def __init__(self) -> None:
        self.heard = True
        """Whether the microphone is taken to hear the loudspeaker. So it is until the contrary is proved."""
        self._room = math.inf  # energy of the room's own noise
        self._room_ms = 0  # how long it was listened to
        self._loud_ms = 0  # how long the loudspeaker has been loud without a pause
        self._silent_ms = 0  # how long it has been silent
        self._quiet: deque[bool] = deque(maxlen=PROOF_MS // FRAME_MS)  # of the frames that should hold an echo

    def observe(self, near: bytes, far: bytes) -> bool:
        """Take in the next piece of a stream, and return `heard`.

        Args:
            near: from the microphone, 24 kHz mono S16LE; what fills no frame of 10 ms at its end is left out.
            far: what the loudspeaker played while `near` was captured; as long.
        """
        for at in range(0, len(near) - FRAME_BYTES + 1, FRAME_BYTES):
            self._frame(energy(near[at : at + FRAME_BYTES]), energy(far[at : at + FRAME_BYTES]))
        return self.heard

    def _frame(self, near: int, far: int) -> None:
        if far >= _LOUD:
            self._loud_ms += FRAME_MS
            self._silent_ms = 0
        elif far:
            self._loud_ms = self._silent_ms = 0
        else:
            self._loud_ms = 0
            self._silent_ms += FRAME_MS
        if self._silent_ms > LATEST_ECHO_MS:
            self._room = min(near, self._room * _ROOM_RISES + 0.01)
            self._room_ms += FRAME_MS
        elif (
            self._loud_ms > LATEST_ECHO_MS and self._room_ms >= ROOM_MS and near
        ):  # digital silence is a switch, not a room
            self._quiet.append(near <= self._room * _ABOVE_ROOM)
            self._judge()

    def _judge(self) -> None:
        frames = list(self._quiet)
        if len(frames) == self._quiet.maxlen and sum(frames) > _UNHEARD_SHARE * len(frames):
            self.heard = False
        latest = frames[-LOOK_BACK_MS // FRAME_MS :]
        if len(latest) == LOOK_BACK_MS // FRAME_MS and sum(latest) < _HEARD_SHARE * len(latest):
            self.heard = True
