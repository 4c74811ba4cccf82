"""What other programs read of a conversation: each step as it happens, and nothing of what was said."""

import asyncio
import json
from typing import Any

from tests.e2e.room import Room

PATIENCE_S = 20.0


async def test_a_conversation_is_reported_step_by_step(room: Room) -> None:
    async with room.speaker() as device:
        reader, writer = await asyncio.open_unix_connection(device.socket)
        writer.write(b"subscribe\n")
        events: list[dict[str, Any]] = []

        async def read_until(kind: str) -> dict[str, Any]:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    events.append(json.loads(await reader.readline()))
                    if events[-1]["event"] == kind:
                        return events[-1]

        first = await read_until("state")
        assert first["state"] == first["before"] == "idle"
        await device.press()
        greeting = await read_until("greeting-heard")
        assert greeting["conversation"] == 1
        await device.enters("listening")
        await device.ask("stop")
        ended = await read_until("conversation-ended")
        assert ended["failure"] is None
        assert ended["press_to_greeting_ms"] == greeting["press_to_greeting_ms"]
        kinds = [event["event"] for event in events]
        assert kinds.index("trigger") < kinds.index("conversation-started") < kinds.index("greeting-heard")
        numbers = [event["number"] for event in events[1:]]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "none is missing"
        writer.close()
