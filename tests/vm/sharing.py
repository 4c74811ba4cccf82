"""One card for several programs: the speaker beside others that use `default`, which is alsa-lib's dmix and dsnoop here."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

from tests.vm import unit
from tests.vm.speaker import CONFIG, SHARE, Check, Speaker
from tests.vm.unit import Failed

OWNER = "owner"


class Sharing:
    """What another user of the group audio can do while the speaker has the card."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    def in_order(self) -> list[Check]:
        """Each by itself."""
        return [("others play and record beside it", self.shares)]

    def shares(self) -> str:
        unit.run("useradd", "--groups", "audio", OWNER)
        question = Path("/var/tmp/question.wav")
        question.write_bytes((SHARE / "question.wav").read_bytes())
        unit.systemctl("stop")
        text = CONFIG.read_text()
        CONFIG.write_text(text.replace('"plughw:CARD=Loopback,DEV=0"', "default"))
        # Whoever hears at the other end decides on rate and channels, and dmix has its own.
        with self._speaker.room.left():
            try:
                presses = self._converse()
                _as_owner("aplay", str(question))
                _as_owner("arecord", "--duration=1", "/dev/null")
                # The other way round: what the programs share was made by the other one.
                unit.systemctl("stop")
                with subprocess.Popen(_owners("arecord", "/dev/null")) as other:
                    try:
                        presses += self._converse()
                        if (code := other.poll()) is not None:
                            raise Failed(f"arecord ended with {code} when the speaker started")
                    finally:
                        other.terminate()
            finally:
                unit.systemctl("stop")
                CONFIG.write_text(text)
        return (
            f"user {OWNER} of the group audio plays and records through default in a conversation, whoever came first"
            f" ({presses} presses for two conversations)"
        )

    def _converse(self) -> int:
        """Begin a conversation; return how many presses that took: an emulated card may stand still for seconds."""
        unit.systemctl("start")
        unit.wait_for("idle")
        unit.wait_for_line()
        for presses in (1, 2):
            self._speaker.board.push()
            with contextlib.suppress(Failed):
                unit.wait_for("listening", deadline_s=30)
                return presses
        raise Failed(f"no conversation with the card shared; it is {unit.state() or 'not there'}")


def _owners(*command: str) -> list[str]:
    return ["runuser", "-u", OWNER, "--", command[0], "-q", "-D", "default", *command[1:]]


def _as_owner(*command: str) -> None:
    unit.run(*_owners(*command))
