"""An MCP server over stdio in plain Python, with the faults that servers have; run as a program.

    python mcp_server.py [FAULT] [FILE]

Protocol: https://modelcontextprotocol.io/specification/2025-11-25 (initialize, tools/list, tools/call). Faults:
silent, hang (a call is not answered, nor anything after it), slow (a call is not answered, all else is), die (in a call),
die-at-start, flood, long-line, nonsense, prints, no-tools-list, bad-tools, crash-once (the first life; FILE remembers).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FAULT = sys.argv[1] if len(sys.argv) > 1 else ""
TOOLS: list[dict[str, Any]] = [
    {
        "name": "add",
        "description": "Adds a note",
        "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
    },
    {"name": "fail", "description": "Fails", "inputSchema": {"type": "object"}},
    {"name": "picture", "description": "Draws", "inputSchema": {"type": "object"}},
]
BAD_TOOLS: list[dict[str, Any]] = [
    {"name": "x" * 100, "inputSchema": {"type": "object"}},
    {"name": "huge", "inputSchema": {"type": "object", "description": "y" * 20_000}},
    {"name": "dotted.name", "description": "Fine", "inputSchema": {"type": "object"}},
]


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def send(message: dict[str, Any]) -> None:
    write(json.dumps({"jsonrpc": "2.0", **message}))


def result_of(method: str, params: dict[str, Any]) -> dict[str, Any] | None:
    match method:
        case "initialize":
            return {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "notes", "version": "1"},
            }
        case "tools/list":
            if FAULT == "no-tools-list":
                return {"tools": "many"}
            return {"tools": BAD_TOOLS if FAULT == "bad-tools" else TOOLS}
        case "tools/call":
            return called(params)
    return None


def called(params: dict[str, Any]) -> dict[str, Any] | None:
    if FAULT == "die":
        sys.stderr.write("Segmentation fault, as it were")
        sys.exit(3)
    if FAULT == "flood":
        while True:
            send({"method": "notifications/message", "params": {"level": "info", "data": "x" * 10_000}})
    if FAULT == "long-line":
        sys.stdout.write("x" * 3_000_000)
        sys.stdout.flush()
    match params["name"]:
        case "fail":
            return {"content": [{"type": "text", "text": "the disk is full"}], "isError": True}
        case "picture":
            return {"content": [{"type": "image", "data": "AAAA", "mimeType": "image/png"}]}
        case "add":
            if params["arguments"]["text"] == "more tools":
                TOOLS.append({"name": "more", "description": "d", "inputSchema": {"type": "object"}})
                send({"method": "notifications/tools/list_changed"})
            return {"content": [{"type": "text", "text": f"noted: {params['arguments']['text']}"}]}
    return None


def main() -> None:
    if FAULT == "die-at-start":
        sys.stderr.write("notes: no such database")
        sys.exit(1)
    if FAULT == "crash-once" and not Path(sys.argv[2]).exists():
        Path(sys.argv[2]).touch()
        sys.exit(2)
    hangs = False
    for line in sys.stdin:
        message = json.loads(line)
        if FAULT == "silent" or hangs or "id" not in message:
            continue
        if FAULT == "nonsense":
            write("<html>")
            continue
        if FAULT == "prints":
            write("debug: got a message")
        if message["method"] == "tools/call" and FAULT in {"hang", "slow"}:
            hangs = FAULT == "hang"
            continue
        result = result_of(message["method"], message.get("params", {}))
        if result is None:
            send({"id": message["id"], "error": {"code": -32601, "message": "Method not found"}})
        else:
            send({"id": message["id"], "result": result})


if __name__ == "__main__":
    main()
