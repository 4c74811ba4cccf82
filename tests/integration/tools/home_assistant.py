"""A Home Assistant, as far as its Conversation API goes; built from its documentation and run on a port of this machine.

https://developers.home-assistant.io/docs/intent_conversation_api: POST /api/conversation/process with a long-lived token.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

from aiohttp import web

TOKEN = "eyJ.long-lived.token"


class FakeHomeAssistant:
    """Answers each sentence; `sentences` and `bodies` note what was asked.

    `answer` is what the next calls get: a response, or seconds of silence before the usual one.
    """

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.answer: web.Response | None = None
        self.silent = False
        self.speech = "Turned on the kitchen light"
        self.response_type = "action_done"
        self._released = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/api/conversation/process", self._process)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._released.set()
        await self._runner.cleanup()

    async def _process(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, text="401: Unauthorized")
        self.bodies.append(await request.json())
        if self.silent:
            await self._released.wait()
        return self.answer or web.json_response(
            {
                "continue_conversation": False,
                "response": {
                    "speech": {"plain": {"speech": self.speech, "extra_data": None}},
                    "card": {},
                    "language": self.bodies[-1].get("language", "en"),
                    "response_type": self.response_type,
                    "data": {
                        "targets": [],
                        "success": [{"name": "Kitchen light", "type": "entity", "id": "light.kitchen"}],
                        "failed": [],
                    },
                },
                "conversation_id": "01JC2ZKX8Q0CDB3SY9XVMJ8XFX",
            }
        )
