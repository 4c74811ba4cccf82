"""One LED, on or off."""

from __future__ import annotations

from device_daemon.config.settings import Led
from device_daemon.leds.patterns import Colour
from device_daemon.system.gpio import in_use, take


class PlainLed:
    """An LED that cannot be dimmed. Raises PinUnusable if its pin cannot be opened."""

    def __init__(self, settings: Led) -> None:
        self._pins = (settings.pin,)
        self._led = take(
            "led", self._pins, lambda gpiozero: gpiozero.LED(settings.pin, active_high=settings.active_high)
        )

    def write(self, colour: Colour) -> None:
        """Light it if the colour is brighter than half. Raises PinUnusable if the pin fails."""
        with in_use("led", self._pins):
            self._led.value = max(colour) >= 0.5

    def close(self) -> None:
        """Release the pin. Raises PinUnusable if the pin fails."""
        with in_use("led", self._pins):
            self._led.close()
