"""MCP servers that the voice service calls by itself (`tools.mcp` with `url`): their definitions for the session."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from device_daemon.config.settings import McpServer
from device_daemon.errors import KeyMissing
from device_daemon.system.secret_file import read_text, secret_places

_HEADER: Final = re.compile(r"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(?P<value>[\x20-\x7e]+)")
"""A field name is a token, RFC 9110 section 5.6.2."""


def definition(server: McpServer, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return a server as session.update lists it (the SDK's MCPServer); reads its headers, which blocks.

    Raises:
        KeyMissing: The headers are not there, or are none.
    """
    found: dict[str, Any] = {
        "type": "mcp",
        "server_label": server.label,
        "server_url": server.url,
        "require_approval": server.approval,
    }
    if server.allowed_tools:
        found["allowed_tools"] = server.allowed_tools
    if headers := _headers(server, environment):
        found["headers"] = headers
    return found


def credential(label: str) -> str:
    """Return the name of systemd's credential with a server's headers."""
    return f"mcp-{label}-headers"


def _headers(server: McpServer, environment: Mapping[str, str]) -> dict[str, str]:
    what = f"headers of the MCP server {server.label}"
    for place in secret_places(credential(server.label), server.headers_file, environment):
        text = read_text(place, what)
        if text is None:
            continue
        headers = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip():
                continue
            match = _HEADER.fullmatch(line.strip())
            if match is None:  # not what was found: it may be the secret
                raise KeyMissing(
                    f"{place}: line {number} is no HTTP header; write lines such as Authorization: Bearer …"
                )
            headers[match["name"]] = match["value"]
        return headers
    if server.headers_file:
        raise KeyMissing(f"{server.headers_file}: there are no {what}; correct tools.mcp, or put them there.")
    return {}
