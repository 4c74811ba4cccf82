"""Three LEDs in one, dimmed to a colour."""

from __future__ import annotations

from device_daemon.config.settings import RgbLed
from device_daemon.leds.patterns import Colour
from device_daemon.leds.pwm_led import duty_cycle
from device_daemon.system.gpio import in_use, take


class ColourLed:
    """A red, a green and a blue LED on PWM pins. Raises PinUnusable if one of its pins cannot be opened."""

    def __init__(self, settings: RgbLed) -> None:
        self._pins = (settings.red, settings.green, settings.blue)
        self._led = take(
            "rgb-led", self._pins, lambda gpiozero: gpiozero.RGBLED(*self._pins, active_high=settings.active_high)
        )

    def write(self, colour: Colour) -> None:
        """Show the colour. Raises PinUnusable if a pin fails."""
        with in_use("rgb-led", self._pins):
            self._led.value = tuple(map(duty_cycle, colour))

    def close(self) -> None:
        """Release the pins. Raises PinUnusable if a pin fails."""
        with in_use("rgb-led", self._pins):
            self._led.close()
