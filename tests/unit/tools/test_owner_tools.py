"""The owner's tools: each that the config names is there, and its secrets come from where they belong."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from device_daemon.config.settings import CommandTool, HomeAssistant, McpServer, Tools
from device_daemon.conversation import approvals
from device_daemon.errors import KeyMissing
from device_daemon.tools.mcp_remote import definition
from device_daemon.tools.owner_tools import OwnerTools
from device_daemon.tools.tool import Tool
from device_daemon.tools.toolbox import Toolbox

LAMP = CommandTool(name="lamp", description="Switches the lamp", run=["/bin/lamp"])
DOCS = McpServer(label="docs", url="https://docs.example/mcp")


async def nothing(_given: object) -> str:
    return ""


def test_what_the_config_names_is_in_the_toolbox() -> None:
    toolbox = Toolbox()
    OwnerTools(Tools(commands=[LAMP], home_assistant=HomeAssistant(url="http://home.local:8123")), toolbox, {})
    assert toolbox.names == ["lamp", "home_assistant"]


def test_a_name_that_a_built_in_tool_has_is_reported_and_left_to_it(caplog: pytest.LogCaptureFixture) -> None:
    builtin = Tool("lamp", "built in", {"type": "object"}, nothing)
    toolbox = Toolbox([builtin])
    OwnerTools(Tools(commands=[LAMP]), toolbox, {})
    assert toolbox.definitions()[0]["description"] == "built in"
    assert "tools.commands: there is a tool lamp already; give it another name" in caplog.text


async def test_a_program_that_cannot_be_run_is_reported_at_the_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = CommandTool(name="there", description="d", run=["/bin/true"])
    gone = CommandTool(name="gone", description="d", run=[str(tmp_path / "gone")])
    plain = CommandTool(name="plain", description="d", run=[str(tmp_path / "plain")])
    (tmp_path / "plain").touch(mode=0o644)
    tools = OwnerTools(Tools(commands=[there, gone, plain]), Toolbox(), {})
    tools.start()
    async with asyncio.timeout(5):
        while len(caplog.records) < 2:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["gone", "plain"]
    await tools.close()


def test_a_remote_server_is_passed_to_the_session_and_asks_for_approval_by_default() -> None:
    assert definition(DOCS, {}) == {
        "type": "mcp",
        "server_label": "docs",
        "server_url": "https://docs.example/mcp",
        "require_approval": "always",
    }


def test_its_headers_come_from_a_credential_of_systemd_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "mcp-docs-headers").write_text("Authorization: Bearer abc\n\nX-Team:  kitchen \r\n")
    found = definition(DOCS, {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert found["headers"] == {"Authorization": "Bearer abc", "X-Team": "kitchen"}
    file = McpServer(label="b", url="https://b.example", headers_file=str(tmp_path / "mcp-docs-headers"))
    assert definition(file, {})["headers"] == found["headers"]


def test_headers_that_are_none_are_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("Authorization: Bearer a\nsk-s3cret\n")
    with pytest.raises(KeyMissing, match="line 2 is no HTTP header") as caught:
        definition(McpServer(label="docs", url="https://docs.example", headers_file=str(file)), {})
    assert "s3cret" not in str(caught.value)


async def test_a_server_whose_headers_are_missing_is_left_out_and_the_others_stay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = McpServer(label="broken", url="https://b.example/mcp", headers_file="/nonexistent/headers")
    tools = OwnerTools(Tools(mcp=[broken, DOCS]), Toolbox(), {})
    tools.start()
    async with asyncio.timeout(5):
        while not tools.remote_servers():  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0)
    assert tools.remote_servers() == [definition(DOCS, {}), approvals.DEFINITION]
    assert tools.remote_servers(["other"]) == []
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    assert "the MCP server broken is left out: /nonexistent/headers: there are no headers" in errors[0]
    await tools.close()
