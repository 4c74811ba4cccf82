"""Runs the daemon's command line in this process, with mock pins that a parent can push and watch.

Only the pins are mock pins; everything else is the daemon as it ships. On standard input: `low 17`, `high 17`, or
`tap 17` for a finger that comes and goes; `break 25` and `heal 25` for a pin that raises when it is written; `threads 0`
reports the names of this process's threads, and `stall 500` keeps its event loop busy for 500 ms. `occupy 17` and `free 17`:
another program holds a pin, unless it is open here already; PINS_BUSY names pins that one holds from the start. PINS_LOW names pins that are low from the start, as a closed switch is.
On the file descriptor named by PINS_FD: one JSON object for each change of an output pin, and a list of names for `threads`.
"""

import errno
import json
import os
import signal
import sys
import threading
import time
from collections import deque
from typing import Any

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from device_daemon.cli import main

TAP_S = 0.03

_report = os.fdopen(int(os.environ["PINS_FD"]), "w", buffering=1)
_low = os.environ.get("PINS_LOW", "").split()
_busy = set(os.environ.get("PINS_BUSY", "").split())
_broken: set[str] = set()
_stalls_s: deque[float] = deque()


class WatchedPin(MockPWMPin):  # type: ignore[misc]
    """Reports each change that the daemon makes, but not what becomes of the pin when it is given back."""

    closing = False
    lifts_at_s: float | None = None

    def tap(self) -> None:
        """A finger that comes and goes after `TAP_S`, however late this process gets its turn: it is not part of it."""
        self.drive_low()
        self.lifts_at_s = time.monotonic() + TAP_S
        time.sleep(TAP_S)
        lifted_s, self.lifts_at_s = self.lifts_at_s, None
        if self._change_state(True) and self._when_changed is not None:  # as drive_high has it
            self._last_change = lifted_s
            self._call_when_changed()

    def _get_state(self) -> bool | float:
        if self.lifts_at_s is not None and time.monotonic() >= self.lifts_at_s:
            return True
        return super()._get_state()  # type: ignore[no-any-return]

    def close(self) -> None:
        self.closing = True
        try:
            super().close()
        finally:
            self.closing = False

    def _set_function(self, value: str) -> None:
        if self.gpio in _busy and not self.closing:
            raise OSError(errno.EBUSY, "GPIO busy")
        super()._set_function(value)

    def _change_state(self, value: float) -> bool:
        if self.gpio in _broken:
            raise OSError(errno.EIO, "for the test")
        changed = bool(super()._change_state(value))
        self.states.clear()  # gpiozero's own history, which grows without bound
        if changed and self.function == "output" and not self.closing:
            line = {"pin": self.gpio, "level": float(value), "at_s": time.monotonic()}
            _report.write(json.dumps(line) + "\n")
        return changed

    def _set_pull(self, value: str) -> None:
        super()._set_pull(value)
        if self.gpio in _low:  # a wire to ground is stronger than the resistor
            self.drive_low()

    @property
    def gpio(self) -> str:
        return str(self.info.name).removeprefix("GPIO")


def _obey(factory: Any) -> None:
    for line in sys.stdin:
        gesture, pin = line.split()
        if gesture == "threads":
            names = [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]
            _report.write(json.dumps(names) + "\n")
            continue
        if gesture == "stall":
            _stalls_s.append(int(pin) / 1000)
            os.kill(os.getpid(), signal.SIGUSR1)
            continue
        if gesture in {"break", "occupy"}:
            (_broken if gesture == "break" else _busy).add(pin)
            continue
        if gesture in {"heal", "free"}:
            (_broken if gesture == "heal" else _busy).discard(pin)
            continue
        driven = factory.pin(f"GPIO{pin}")
        if gesture == "low":
            driven.drive_low()
            continue
        if gesture == "tap":
            driven.tap()
        if gesture == "high":
            driven.drive_high()
        time.sleep(TAP_S)  # no finger is back sooner


if __name__ == "__main__":
    # Whatever the loop does at that moment is held up, as its thread is: Python calls signal handlers in it.
    signal.signal(signal.SIGUSR1, lambda *_: time.sleep(_stalls_s.popleft()))
    Device.pin_factory = MockFactory(pin_class=WatchedPin)
    threading.Thread(target=_obey, args=(Device.pin_factory,), daemon=True).start()
    raise SystemExit(main(sys.argv[1:]))
