"""The health of all parts of the device: for `status`, the light, the events and the reminder in the journal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from device_daemon.device.events import HealthChanged
from device_daemon.device.reminder import Reminder
from device_daemon.device.resting_state import OPTIONAL_PARTS
from device_daemon.errors import SpeakerError
from device_daemon.health import Health, Part


class HealthReport:
    """Asks the parts each time; nothing is kept but what was published last.

    Args:
        parts: The most important one first.
        publish: Called for each part that failed or recovered.
    """

    def __init__(self, parts: Sequence[Health], publish: Callable[[HealthChanged], None]) -> None:
        self._parts = list(parts)
        self._publish = publish
        self._published: dict[Part, str | None] = {}
        self._reminder = Reminder(lambda: self._parts)

    def start(self) -> None:
        """From now on the journal is reminded of what still does not work."""
        self._reminder.start()

    async def close(self) -> None:
        """End that."""
        await self._reminder.close()

    def add(self, health: Health) -> None:
        """Report the health of one more part, the least important one."""
        self._parts.append(health)

    def failures(self, besides: frozenset[Part] = frozenset()) -> list[SpeakerError]:
        """Return what keeps the speaker from being asked, talking and listening; some parts may be left out."""
        ignored = OPTIONAL_PARTS | besides
        return [part.failure for part in self._parts if part.failure and part.part not in ignored]

    def any_fails(self, *parts: Part) -> bool:
        """Return whether one of these parts fails."""
        return any(not health.ok for health in self._parts if health.part in parts)

    @property
    def reason(self) -> str | None:
        """The failure that is most important now, as a sentence; None while all parts work."""
        return next(map(str, self.failures()), None)

    def publish_changes(self) -> None:
        """Publish which parts failed or recovered since the last time."""
        for health in self._parts:
            if self._published.get(health.part) != health.reason:
                self._published[health.part] = health.reason
                self._publish(HealthChanged(part=health.part, ok=health.ok, reason=health.reason))

    def as_dict(self, now_s: float) -> dict[Part, dict[str, object]]:
        """For `status`: the health of each part."""
        return {health.part: health.as_dict(now_s) for health in self._parts}
