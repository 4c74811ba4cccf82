"""`on_event`: the owner's program, run for each event with the event on its stdin and in its environment (a hook).

One run after the other, each with a deadline. While one runs, events wait in a bounded queue; the oldest are dropped, and
the program learns how many (the event `dropped`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from device_daemon.device.event_stream import EventStream
from device_daemon.device.events import Event
from device_daemon.system.foreign_text import safe
from device_daemon.system.program import Finished, run_program

logger = logging.getLogger(__name__)

DEADLINE_S: Final = 10.0
PREFIX: Final = "VOICELIVE_"

Run = Callable[[Sequence[str], Mapping[str, str], str], Awaitable[Finished]]


def variables(event: Event) -> dict[str, str]:
    """Return the event as environment variables: VOICELIVE_EVENT, and one for each field that has a value."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return {f"{PREFIX}{name.upper()}": _text(value) for name, value in fields.items() if value is not None}


class EventProgram:
    """Made in the event loop's thread.

    Args:
        arguments: The program's full path and its arguments.
        environment: Its variables, besides those of the event; see `environment_for_programs`.
        events: What happens.
        run: Runs a program; given by tests.
        deadline_s: After so many seconds a run is killed.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        events: EventStream,
        *,
        run: Run = run_program,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._arguments = arguments
        self._environment = environment
        self._run_program = run
        self._deadline_s = deadline_s
        self._subscription = events.subscribe()
        self._failing = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name="on_event")

    async def close(self) -> None:
        """Kill what runs, and run no more."""
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self) -> None:
        with self._subscription:
            while True:
                event = await self._subscription.next()
                why_not = await self._hand_over(event)
                if why_not and not self._failing:  # an event each second must not be a line each second
                    logger.warning("on_event: %s: %s; it is run again with the next event", self._arguments[0], why_not)
                elif self._failing and not why_not:
                    logger.info("on_event: %s works again", self._arguments[0])
                self._failing = bool(why_not)

    async def _hand_over(self, event: Event) -> str:
        """Run the program for an event; return why that failed, "" if it did not."""
        given = msgspec.json.encode(event).decode()
        try:
            async with asyncio.timeout(self._deadline_s):
                finished = await self._run_program(self._arguments, {**self._environment, **variables(event)}, given)
        except TimeoutError:
            return f"was killed, because it did not end within {self._deadline_s:g} s"
        except OSError as error:
            return f"cannot be run: {error.strerror or error}"
        if finished.flooded:
            return "wrote without end and was killed"
        if finished.exit_code:
            return (
                f"failed with exit code {finished.exit_code}: {safe(finished.complaint.strip() or 'it wrote nothing')}"
            )
        return ""


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
