"""MCP servers on this device: real programs behind the real `mcp` package, well and ill."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from device_daemon.config.settings import McpServer
from device_daemon.tools.mcp_servers import McpDeadlines, McpServers
from device_daemon.tools.toolbox import Toolbox

PROGRAM = str(Path(__file__).with_name("mcp_server.py"))
LISTED = ["notes_add", "notes_fail", "notes_picture"]


class Rig:
    """A toolbox with one server; `settings` and `fault` as in mcp_server.py."""

    def __init__(self, *fault: str, delay_s: float = 60.0, start_s: float = 20.0, **settings: Any) -> None:
        self.toolbox = Toolbox()
        local = settings.pop("local", [sys.executable, PROGRAM, *fault])
        server = McpServer(**{"label": "notes", "local": local, "timeout_s": 20.0} | settings)

        def delays() -> Iterator[float]:
            while True:
                yield delay_s

        deadlines = McpDeadlines(start_s=start_s, answer_s=0.5)
        environment = {"PATH": "/usr/bin:/bin"}
        self.servers = McpServers([server], self.toolbox, environment, delays=delays, deadlines=deadlines)

    async def __aenter__(self) -> Self:
        self.servers.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        async with asyncio.timeout(5):
            await self.servers.close()

    async def until(self, what: Callable[[Rig], object]) -> None:
        async with asyncio.timeout(30):  # the first one imports the package
            while not what(self):  # noqa: ASYNC110 - it has no event for each of its states
                await asyncio.sleep(0.01)

    async def listed(self) -> Rig:
        await self.until(lambda rig: rig.toolbox.names)
        return self

    async def failure(self) -> str:
        await self.until(lambda rig: rig.servers.health.failure)
        return str(self.servers.health.reason)

    async def told(self, name: str = "notes_add", **given: Any) -> str:
        async with asyncio.timeout(30):
            return await self.toolbox.call(name, json.dumps(given or {"text": "milk"}))


async def test_its_tools_are_functions_of_the_model() -> None:
    async with Rig() as rig:
        await rig.listed()
        assert rig.toolbox.names == LISTED
        definition = rig.toolbox.definitions()[0]
        assert (definition["type"], definition["name"], definition["description"]) == (
            "function",
            "notes_add",
            "Adds a note",
        )
        assert definition["parameters"]["required"] == ["text"]
        assert await rig.told(text="milk") == "noted: milk"
        assert rig.servers.health.ok


async def test_only_the_tools_that_the_config_allows_are_there(caplog: pytest.LogCaptureFixture) -> None:
    async with Rig(allowed_tools=["add", "subtract"]) as rig:
        await rig.listed()
        assert rig.toolbox.names == ["notes_add"]
        assert "the MCP server notes: has no tool subtract; correct allowed_tools" in caplog.text


async def test_a_tool_that_fails_says_why() -> None:
    async with Rig() as rig:
        await rig.listed()
        assert await rig.told("notes_fail") == "error: the MCP server notes says: the disk is full"
        assert rig.servers.health.ok, "the tool failed, not the server"


async def test_what_cannot_be_spoken_is_said_to_be_so() -> None:
    async with Rig() as rig:
        await rig.listed()
        assert "cannot be spoken: image" in await rig.told("notes_picture")


async def test_a_server_that_gets_other_tools_is_listed_again() -> None:
    async with Rig() as rig:
        await rig.listed()
        await rig.told(text="more tools")
        await rig.until(lambda rig: "notes_more" in rig.toolbox.names)
        assert sorted(rig.toolbox.names) == sorted([*LISTED, "notes_more"])


async def test_lines_that_are_no_messages_are_skipped() -> None:
    async with Rig("prints") as rig:
        await rig.listed()
        assert await rig.told(text="milk") == "noted: milk"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("die", "has ended (exit code 3): Segmentation fault, as it were"),
        ("flood", "writes without end, and was ended"),
        ("long-line", "wrote a line of more than 1048576 bytes, and was ended"),
    ],
)
async def test_a_server_that_fails_in_a_call_is_a_sentence_for_the_model_and_for_status(fault: str, says: str) -> None:
    async with Rig(fault) as rig:
        await rig.listed()
        assert says in await rig.told()
        assert await rig.failure() == f"the MCP server notes {says}; it is started again."
        assert "does not run at the moment" in await rig.told()


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("die-at-start", "has ended (exit code 1): notes: no such database"),
        ("silent", "does not answer within 1 seconds"),
        ("nonsense", "writes what is no MCP: <html>"),
        ("no-tools-list", "does not list its tools: answers nonsense"),
    ],
)
async def test_a_server_that_never_works_is_reported_once_and_has_no_tools(
    fault: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Rig(fault, start_s=1.0 if fault in {"silent", "nonsense"} else 20.0, delay_s=0.0) as rig:
        assert says in await rig.failure()
        await asyncio.sleep(0)
        assert rig.toolbox.names == []
    warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1, "the same failure, tried again, is logged once"


async def test_a_program_that_is_not_there_is_named() -> None:
    async with Rig(local=["/nonexistent/notes-mcp"]) as rig:
        assert "cannot be run (No such file or directory); check the path" in await rig.failure()


async def test_a_server_that_crashed_is_started_again(tmp_path: Path) -> None:
    async with Rig("crash-once", str(tmp_path / "crashed"), delay_s=0.0) as rig:
        await rig.listed()
        assert await rig.told(text="milk") == "noted: milk"
        assert rig.servers.health.ok


async def test_a_server_that_hangs_in_a_call_is_ended() -> None:
    async with Rig("hang", timeout_s=0.3) as rig:
        await rig.listed()
        assert "gave no answer within 0.3 seconds" in await rig.told()
        assert "hangs, and was ended" in await rig.failure()


async def test_a_server_that_is_only_slow_goes_on() -> None:
    async with Rig("slow", timeout_s=0.3) as rig:
        await rig.listed()
        assert "gave no answer within 0.3 seconds" in await rig.told()
        await rig.until(lambda rig: not rig.servers._servers[0]._hangs)
        assert rig.servers.health.ok


async def test_tools_that_the_service_would_refuse_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    async with Rig("bad-tools") as rig:
        await rig.listed()
        assert rig.toolbox.names == ["notes_dotted_name"]
        assert "its name is too long" in caplog.text
        assert "its schema has more than 8000 characters" in caplog.text


async def test_closing_ends_the_program(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    shell = f"echo $$ > {pid}; exec {sys.executable} {PROGRAM}"
    async with Rig(local=["/bin/sh", "-c", shell]) as rig:
        await rig.listed()
        assert Path(f"/proc/{pid.read_text().strip()}").exists()
    await rig.until(lambda _: not Path(f"/proc/{pid.read_text().strip()}").exists())


async def test_a_server_made_with_the_official_package_is_understood(tmp_path: Path) -> None:
    program = tmp_path / "clock.py"
    program.write_text(
        "from mcp.server.mcpserver import MCPServer\n"
        "server = MCPServer('clock')\n"
        "@server.tool()\n"
        "def moon(day: int) -> str:\n"
        "    'The phase of the moon.'\n"
        "    return f'half on day {day}'\n"
        "server.run()\n"
    )
    async with Rig(label="sky", local=[sys.executable, str(program)]) as rig:
        await rig.listed()
        assert await rig.told("sky_moon", day=3) == "half on day 3"
