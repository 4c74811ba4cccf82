"""The Raspberry Pi around the program: its GPIO chip, simulated by the kernel's gpio-sim, and its processor's name."""

from __future__ import annotations

import platform
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Self

BUTTON, LED, PWM_LED = 17, 25, 12
LINES = 54
_CONFIGFS = Path("/sys/kernel/config/gpio-sim/board")
_SAMPLE_S = 0.02


class Board:
    """54 lines, as a Pi has them. A press pulls the button's line down; a light is seen by its line's value."""

    def __init__(self) -> None:
        subprocess.run(["modprobe", "-a", "gpio-sim", "snd-aloop"], check=True)
        bank = _CONFIGFS / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(str(LINES))
        (bank / "label").write_text("pinctrl-bcm2711")
        for number in range(LINES):
            line = bank / f"line{number}"
            line.mkdir()
            (line / "name").write_text(f"GPIO{number}")
        (_CONFIGFS / "live").write_text("1")
        device, self.chip = (_CONFIGFS / "dev_name").read_text().strip(), (bank / "chip_name").read_text().strip()
        self._lines = Path("/sys/devices/platform", device, self.chip)
        self.release()
        if platform.machine() == "x86_64":
            _be_a_pi()

    def press(self) -> float:
        """Hold the button down; return when (monotonic)."""
        (self._lines / f"sim_gpio{BUTTON}" / "pull").write_text("pull-down")
        return time.monotonic()

    def release(self) -> None:
        """Let the button go."""
        (self._lines / f"sim_gpio{BUTTON}" / "pull").write_text("pull-up")

    def push(self, for_s: float = 0.15) -> float:
        """Press and release; return when it was pressed (monotonic)."""
        pressed_s = self.press()
        time.sleep(for_s)
        self.release()
        return pressed_s

    def is_high(self, line: int) -> bool:
        """Whether a line is at 3.3 V."""
        return (self._lines / f"sim_gpio{line}" / "value").read_text().strip() == "1"

    def lit(self, lines: Iterable[int] = (LED, PWM_LED)) -> list[int]:
        """The lights that are lit."""
        return [line for line in lines if self.is_high(line)]


class LightWatch:
    """Looks at one light all the time: `with LightWatch(board, LED) as watch`."""

    def __init__(self, board: Board, line: int) -> None:
        self._board, self._line = board, line
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._before = False
        self.changes: list[tuple[float, bool]] = []
        """When (monotonic) it became lit or dark."""

    def __enter__(self) -> Self:
        self._before = self._board.is_high(self._line)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stopped.wait(_SAMPLE_S):
            now = self._board.is_high(self._line)
            if now != self._before:
                self.changes.append((time.monotonic(), now))
                self._before = now

    def first_lit_s(self, since_s: float, deadline_s: float = 2.0) -> float | None:
        """Wait until it was lit after `since_s` and return when (monotonic), or None. For use while it looks.

        The order to play goes out before the order to light: on a machine this slow the light may be seen after the sound.
        """
        end_s = time.monotonic() + deadline_s
        while time.monotonic() < end_s:
            if lit := next((at_s for at_s, lit in self.changes if lit and at_s >= since_s), None):
                return lit
            time.sleep(_SAMPLE_S)
        return None


def _be_a_pi() -> None:
    """gpiozero asks the processor's description for the Pi's revision, which an emulated Pi 4 has and a PC has not."""
    described = Path("/run/board-cpuinfo")
    described.write_text(Path("/proc/cpuinfo").read_text() + "Revision\t: c03115\n")
    subprocess.run(["mount", "--bind", described, "/proc/cpuinfo"], check=True)
    drop_in = Path("/run/systemd/system/voicelive-speaker.service.d/pi.conf")
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text(f"[Service]\nBindReadOnlyPaths={described}:/proc/cpuinfo\n")
