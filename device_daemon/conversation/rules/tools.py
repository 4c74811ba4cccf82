"""The rules of tools: calls, what came of them, and the permission of a person for those of MCP servers. Pure.

The life of a tool's call is told in `tool_calls`. While one runs the state is THINKING, unless something else goes on.
The follow-up is asked for when all calls are answered, their response is done and what it said was heard; if a person
speaks meanwhile, the answer to that turn takes its place. What a person has to allow is told in `approvals`.
"""

from __future__ import annotations

from device_daemon.conversation import approvals
from device_daemon.conversation import events as on
from device_daemon.conversation.commands import Command
from device_daemon.conversation.parts import DialogueParts
from device_daemon.conversation.rules.next_step import go_on, send_approvals
from device_daemon.conversation.tool_calls import LATE


def called(parts: DialogueParts, event: on.ToolCalled, now: float) -> list[Command]:
    """The model calls a tool of this device."""
    if not parts.session.ready:
        return []  # nobody asked for it before our settings were in force
    wanted = _calls(parts, event.response_id)
    if wanted and event.name == approvals.NAME:
        return _answered_by_voice(parts, event)
    return parts.calls.called(event, now, wanted=wanted)


def result(parts: DialogueParts, event: on.ToolResult, now: float) -> list[Command]:
    """The tool has answered."""
    worked = parts.tool_works
    call, known, commands = parts.calls.result(event.key, event.output, now)
    if call is not None:
        if worked:
            parts.turn.wait.restart(now)  # until now the tool was waited for, from now on the service is
        note = f"call-{event.key}"
        text = f"{call.name}({call.arguments}), which returned: {event.output}"
        parts.memory.transcript.said("tool", text, note)
        if not known:
            parts.memory.add_untold(note)
    return [*commands, *_after_call(parts, now)]


def remote_began(parts: DialogueParts, event: on.RemoteCallBegan, now: float) -> list[Command]:
    """The service calls a tool of an MCP server by itself."""
    if parts.session.ready:
        parts.calls.remote_began(event.item_id, now)
    _calls(parts, event.response_id)
    return []


def remote_ended(parts: DialogueParts, item_id: str, now: float) -> list[Command]:
    """That call is over."""
    worked = parts.tool_works
    if not parts.session.ready:
        return []
    parts.calls.remote_ended(item_id)
    if worked:
        parts.turn.wait.restart(now)
    return _after_call(parts, now)


def approval_requested(parts: DialogueParts, event: on.ApprovalRequested, now: float) -> list[Command]:
    """The service asks whether it may make such a call."""
    if not parts.session.ready:
        return []
    wanted = _calls(parts, event.response_id)
    parts.approvals.requested(event, wanted=wanted)
    if wanted:
        parts.calls.owed = True  # the follow-up is the question
        return []
    return send_approvals(parts, now)


def lasted_too_long(parts: DialogueParts, now: float) -> list[Command]:
    """A tool, or the person who is to allow one, has not answered in time."""
    if (overdue := parts.calls.overdue(now)) is not None:
        return result(parts, on.ToolResult(overdue, LATE), now)
    if (remote := parts.calls.remote_overdue(now)) is not None:
        return remote_ended(parts, remote, now)
    parts.approvals.answer(approve=False)
    return send_approvals(parts, now)


def _calls(parts: DialogueParts, response_id: str) -> bool:
    """Take in that a response calls something; returns whether nobody has interrupted it."""
    wanted = response_id == parts.responses.accepted and not parts.is_announcement
    if wanted:
        parts.responses.caller = response_id
        parts.push_to_talk.answered()  # what was called for once is not to be called for again
    return wanted


def _after_call(parts: DialogueParts, now: float) -> list[Command]:
    """Ask the model to go on after its calls, unless something else goes on."""
    turn = parts.turn
    nothing_else = parts.responses.active is None and parts.responses.accepted is None
    if not nothing_else or parts.playback.speaking or turn.person_speaks or turn.pending:
        return []
    if not parts.calls.busy and (parts.calls.owed or turn.farewell) and parts.session.ready:
        return go_on(parts, now)
    return []


def _answered_by_voice(parts: DialogueParts, event: on.ToolCalled) -> list[Command]:
    """Take in the person's answer; it goes to the service when the response that brought it is over."""
    allowed = approvals.allowed_by(event.arguments)
    if not parts.approvals.answer(approve=allowed):
        output, parts.calls.owed = "error: no tool waits for permission", True
    else:
        output = "the call is made now" if allowed else "the call is not made"
        parts.calls.owed = not allowed or parts.approvals.unasked
    return parts.calls.answered(event, output)
