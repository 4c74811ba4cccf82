"""One LED that can be dimmed."""

from __future__ import annotations

from device_daemon.config.settings import PwmLed
from device_daemon.leds.patterns import Colour
from device_daemon.system.gpio import in_use, take

GAMMA = 2.2


def duty_cycle(level: float) -> float:
    """Return how long of each cycle (0..1) an LED is on to look as bright as `level`.

    Half the light looks like three quarters: without this, swelling is over before it is seen.
    """
    return float(level**GAMMA)


def level_of(duty_cycle: float) -> float:
    """Return how bright (0..1) an LED looks that is on for this part of each cycle: the inverse of `duty_cycle`."""
    return float(duty_cycle ** (1 / GAMMA))


class DimmableLed:
    """An LED of one colour on a PWM pin. Raises PinUnusable if its pin cannot be opened."""

    def __init__(self, settings: PwmLed) -> None:
        self._pins = (settings.pin,)
        self._led = take(
            "pwm-led", self._pins, lambda gpiozero: gpiozero.PWMLED(settings.pin, active_high=settings.active_high)
        )

    def write(self, colour: Colour) -> None:
        """Show the colour's brightness. Raises PinUnusable if the pin fails."""
        with in_use("pwm-led", self._pins):
            self._led.value = duty_cycle(max(colour))

    def close(self) -> None:
        """Release the pin. Raises PinUnusable if the pin fails."""
        with in_use("pwm-led", self._pins):
            self._led.close()
