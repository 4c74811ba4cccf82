"""The MCP servers of a session: the events of listing their tools, and which calls need the client's approval.

No server is ever contacted: what they list and return comes from the replies file. Sources: the SDK's MCPServer, its
sample async_mcp_sample.py (an item of type `mcp_list_tools` is created, approval by `mcp_approval_response`), and the
API reference 2026-07-15 (`require_approval` is `always` unless the session says otherwise). The order of the three
events of a listing was not found recorded: this one is inferred.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device_daemon.localservice.conversation_items import ConversationItems, Item
from device_daemon.localservice.messages import Event, event, new_id
from device_daemon.localservice.scripted_replies import McpCall, Replies

Json = Mapping[str, Any]


def listing(conversation: ConversationItems, server: Json, replies: Replies) -> list[Event]:
    """Return the events with which the tools of a newly configured server are listed.

    Args:
        conversation: takes the `mcp_list_tools` item.
        server: the tool of type `mcp` in the session's settings.
        replies: say which tools it has.
    """
    label = str(server["server_label"])
    tools = replies.mcp_tools(label)
    allowed = server.get("allowed_tools")
    shown = [tool for tool in tools or [] if not allowed or tool.get("name") in allowed]
    item = Item(
        {
            "id": new_id("mcpl"),
            "object": "realtime.item",
            "type": "mcp_list_tools",
            "server_label": label,
            "tools": [{"description": None, "input_schema": {"type": "object"}, **tool} for tool in shown],
        }
    )
    ended = "failed" if tools is None else "completed"
    return [
        event("mcp_list_tools.in_progress", item_id=item.id),
        conversation.add(item),
        event(f"mcp_list_tools.{ended}", item_id=item.id),
    ]


def needs_approval(servers: list[Json], call: McpCall) -> bool:
    """Return whether the client has to allow this call first.

    `require_approval` is "never", "always" (the default), or a mapping of these to names of tools.
    """
    for server in servers:
        if server["type"] == "mcp" and server["server_label"] == call.server:
            rule = server.get("require_approval") or "always"
            return call.tool not in (rule.get("never") or []) if isinstance(rule, Mapping) else rule != "never"
    return True
