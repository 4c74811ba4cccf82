from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import settings

# A deadline is a timing assert: on a busy machine it fails without a fault.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")


@pytest.fixture
def gpio() -> Iterator[Any]:
    """A board of pins with nothing attached, for gpiozero to use: `gpio.pin(17).drive_low()` presses a button."""
    before = Device.pin_factory
    Device.pin_factory = board = MockFactory(pin_class=MockPWMPin)
    yield board
    board.reset()
    Device.pin_factory = before
