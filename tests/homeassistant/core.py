"""A real Home Assistant Core, from its first start on: set up, given a broker and asked by its own REST API."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp

START_DEADLINE_S: Final = 300.0
"""The first start writes a few thousand .pyc files."""
DEADLINE_S: Final = 30.0
_CLIENT_ID: Final = "http://127.0.0.1/"
_CONFIGURATION: Final = """\
homeassistant: {{name: Home, latitude: 0, longitude: 0, elevation: 0, unit_system: metric, time_zone: UTC}}
http: {{server_host: 127.0.0.1, server_port: {port}}}
api:
"""

States = dict[str, dict[str, Any]]


class Core:
    """Made by `home_assistant`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def ask(self, method: str, path: str, **more: Any) -> Any:
        """Return the answer of the REST API. Raises aiohttp.ClientError."""
        async with self._session.request(method, path, **more) as answer:
            if not answer.ok:
                raise aiohttp.ClientError(f"{method} {path}: {answer.status} {await answer.text()}")
            return await answer.json()

    async def set_up(self) -> None:
        """Make its first user, and be that user from now on."""
        user = {"client_id": _CLIENT_ID, "name": "Owner", "username": "owner", "password": "owner", "language": "en"}
        code = (await self.ask("POST", "/api/onboarding/users", json=user))["auth_code"]
        grant = {"grant_type": "authorization_code", "code": code, "client_id": _CLIENT_ID}
        token = (await self.ask("POST", "/auth/token", data=grant))["access_token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    async def add_broker(self, port: int, username: str, password: str) -> None:
        """What a person types into "Add integration", MQTT."""
        flow = await self.ask("POST", "/api/config/config_entries/flow", json={"handler": "mqtt"})
        broker = {"broker": "127.0.0.1", "port": port, "username": username, "password": password}
        done = await self.ask("POST", f"/api/config/config_entries/flow/{flow['flow_id']}", json=broker)
        assert done["type"] == "create_entry", done

    async def act(self, service: str, entity: str, **data: Any) -> None:
        """Call a service for an entity."""
        await self.ask("POST", f"/api/services/{service.replace('.', '/')}", json={"entity_id": entity, **data})

    async def states(self) -> States:
        """Every entity with its state and attributes."""
        return {each["entity_id"]: each for each in await self.ask("GET", "/api/states")}

    async def version(self) -> str:
        """Which one it is."""
        return str((await self.ask("GET", "/api/config"))["version"])

    @asynccontextmanager
    async def changes_of(self, entity: str) -> AsyncIterator[Changes]:
        """What happens to an event entity from now on, one after the other; states tell only the newest."""
        async with self._session.get("/api/stream?restrict=state_changed") as stream:
            yield Changes(stream.content, entity)

    async def until(self, condition: Callable[[States], Any], what: str) -> States:
        """Wait until the states are as wanted, and return them."""
        found: States = await until(self.states, condition, what, DEADLINE_S)
        return found


class Changes:
    """Made by `Core.changes_of`."""

    def __init__(self, lines: AsyncIterable[bytes], entity: str) -> None:
        self._lines = lines
        self._entity = entity

    async def next(self, kind: str) -> dict[str, Any]:
        """Wait for the next event of a type, and return its attributes."""
        async with asyncio.timeout(DEADLINE_S):
            async for line in self._lines:
                text = line.removeprefix(b"data: ").strip()
                if not text.startswith(b"{"):
                    continue
                data = json.loads(text)["data"]
                if data["entity_id"] == self._entity and data["new_state"]["attributes"].get("event_type") == kind:
                    return dict(data["new_state"]["attributes"])
        raise AssertionError(f"Home Assistant ended the stream before {kind}")


async def until(
    get: Callable[[], Awaitable[Any]], condition: Callable[[Any], Any], what: str, deadline_s: float
) -> Any:
    """Ask again and again until the answer is as wanted, and return it."""
    answer: Any = None
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                try:
                    answer = await get()
                except aiohttp.ClientConnectionError:
                    pass
                else:
                    if condition(answer):
                        return answer
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise AssertionError(f"{what}: not within {deadline_s:g} s; the last answer: {answer!s:.2000}") from None


@asynccontextmanager
async def home_assistant(program: str, folder: Path) -> AsyncIterator[Core]:
    """A new one, with its REST API up."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder.mkdir()
    (folder / "configuration.yaml").write_text(_CONFIGURATION.format(port=port), encoding="utf-8")
    with (folder / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program, "--config", str(folder), "--skip-pip", stdout=output, stderr=output
        )
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            core = Core(session)
            await until(
                lambda: core.ask("GET", "/api/onboarding"), lambda _: True, "Home Assistant starts", START_DEADLINE_S
            )
            yield core
    finally:
        process.terminate()
        await process.wait()
