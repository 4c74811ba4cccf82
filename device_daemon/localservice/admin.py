"""HTTP routes for tests and benchmarks in another process: what was recorded, and the faults. Only with --admin."""

from __future__ import annotations

import json
from typing import Protocol

import msgspec
from aiohttp import web

from device_daemon.errors import ConfigError
from device_daemon.localservice import faults
from device_daemon.localservice.record import Record


class Inspected(Protocol):
    """What the routes need of server.LocalService."""

    faults: faults.Faults

    @property
    def record(self) -> Record:
        """What clients did."""


def add_routes(app: web.Application, service: Inspected) -> None:
    """Add the routes under /admin.

    GET /admin/record: all sessions, without audio. GET /admin/audio/N: the audio that session N received, as it came.
    GET /admin/faults: those in force. POST /admin/faults: a JSON object that replaces them.
    """

    async def get_record(_request: web.Request) -> web.Response:
        sessions = [session.as_json() for session in service.record.sessions]
        return web.json_response({"sessions": sessions, "refused": list(service.record.refused)})

    async def get_audio(request: web.Request) -> web.Response:
        for session in service.record.sessions:
            if request.match_info["number"] == str(session.number):
                return web.Response(body=bytes(session.audio), content_type="application/octet-stream")
        raise web.HTTPNotFound(text="no session of that number was recorded")

    async def get_faults(_request: web.Request) -> web.Response:
        return web.json_response(msgspec.to_builtins(service.faults))

    async def post_faults(request: web.Request) -> web.Response:
        try:
            service.faults = faults.from_json(await request.json())
        except (ConfigError, json.JSONDecodeError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return await get_faults(request)

    app.router.add_get("/admin/record", get_record)
    app.router.add_get("/admin/audio/{number}", get_audio)
    app.router.add_get("/admin/faults", get_faults)
    app.router.add_post("/admin/faults", post_faults)
