"""Runs the daemon's command line in this process, with mock pins that a parent can push and watch.

Only the pins are mock pins; everything else is the daemon as it ships. On standard input: `low 17`, `high 17`, or
`tap 17` for a finger that comes and goes; `threads 0` reports the names of this process's threads. PINS_LOW names pins that are low from the start, as a closed switch is.
On the file descriptor named by PINS_FD: one JSON object for each change of an output pin, and a list of names for `threads`.
"""

import json
import os
import sys
import threading
import time
from typing import Any

from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin

from device_daemon.cli import main

TAP_S = 0.03

_report = os.fdopen(int(os.environ["PINS_FD"]), "w", buffering=1)
_low = os.environ.get("PINS_LOW", "").split()


class WatchedPin(MockPWMPin):  # type: ignore[misc]
    """Reports each change that the daemon makes, but not what becomes of the pin when it is given back."""

    closing = False

    def close(self) -> None:
        self.closing = True
        super().close()
        self.closing = False

    def _change_state(self, value: float) -> bool:
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
        driven = factory.pin(f"GPIO{pin}")
        if gesture in {"low", "tap"}:
            driven.drive_low()
        if gesture == "tap":
            time.sleep(TAP_S)
        if gesture in {"high", "tap"}:
            driven.drive_high()
            time.sleep(TAP_S)  # no finger is back sooner


if __name__ == "__main__":
    Device.pin_factory = MockFactory(pin_class=WatchedPin)
    threading.Thread(target=_obey, args=(Device.pin_factory,), daemon=True).start()
    raise SystemExit(main(sys.argv[1:]))
