"""Drives Microsoft's sample, given by its path, in the benchmark's environment; it is imported as it is.

On standard input: `press GREETING` and `hang up`. On standard output: one JSON object a line. The sample lacks a
greeting; it is given one as Microsoft's how-to on proactive messages does: once, when the session has been updated.
"""

import asyncio
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from azure.ai.voicelive.models import (
    AssistantMessageItem,
    OutputTextContentPart,
    ResponseCreateParams,
    ServerEventType,
)

_report = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the sample prints is for people


def _tell(news: str, **details: Any) -> None:
    _report.write(json.dumps({"news": news, "at_s": time.monotonic(), **details}) + "\n")


def _imported(path: Path) -> Any:
    specification = importlib.util.spec_from_file_location("sample", path)
    assert specification is not None and specification.loader is not None, path  # noqa: PT018 - one thought
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def _greeting_assistant(sample: Any, greeting: str) -> Any:
    class Greeting(sample.BasicVoiceAssistant):  # type: ignore[misc]
        greeting_sent = False

        async def _handle_event(self, event: Any) -> None:
            await super()._handle_event(event)
            if event.type == ServerEventType.SESSION_UPDATED and not self.greeting_sent:
                self.greeting_sent = True
                await self.connection.response.create(
                    response=ResponseCreateParams(
                        pre_generated_assistant_message=AssistantMessageItem(
                            content=[OutputTextContentPart(text=greeting)]
                        )
                    )
                )

    arguments = sample.parse_arguments()
    credential = sample.AzureKeyCredential(arguments.api_key)
    return Greeting(arguments.endpoint, credential, arguments.model, arguments.voice, arguments.instructions)


async def _drive(sample: Any) -> None:
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    conversation: asyncio.Task[None] | None = None
    _tell("armed")
    async for line in orders:
        order, _, greeting = line.decode().strip().partition(" ")
        if order == "press":
            conversation = asyncio.create_task(_greeting_assistant(sample, greeting).start())
            conversation.add_done_callback(_tell_of_failure)
        elif conversation is not None:
            conversation.cancel()
            await asyncio.wait({conversation})
            _tell("hung up")
    if conversation is not None:
        conversation.cancel()
        await asyncio.wait({conversation})


def _tell_of_failure(conversation: "asyncio.Task[None]") -> None:
    if not conversation.cancelled() and (error := conversation.exception()):
        _tell("failed", error=repr(error))


if __name__ == "__main__":
    path = Path(sys.argv.pop())
    asyncio.run(_drive(_imported(path)))
