"""Functions and MCP tools through the real SDK, spoken once each: question in, call, result, answer out."""

from __future__ import annotations

from typing import Any, TypeVar

import pytest
from azure.ai.voicelive import models as sdk
from azure.ai.voicelive.aio import VoiceLiveConnection

from device_daemon.localservice.faults import Faults
from device_daemon.localservice.scripted_replies import (
    CallRule,
    McpRule,
    McpServerRule,
    Replies,
    Rule,
    TranscriptRule,
)
from tests.integration.localservice.sdk_client import connection, until
from tests.integration.localservice.wire import service
from tests.unit.localservice.client_messages import silence, speech

E = TypeVar("E", bound=sdk.ServerEvent)
CLOCK = sdk.FunctionTool(name="get_time", parameters={"type": "object"})
LIGHT = sdk.FunctionTool(name="set_light", parameters={"type": "object"})
DONE = sdk.ServerEventType.RESPONSE_DONE
SEARCH = McpRule("docs", "search", {"query": "voice"}, output="three pages")
SEARCH_TOOL = {"name": "search", "description": "d", "input_schema": {"type": "object"}}
LISTED = [McpServerRule("docs", [SEARCH_TOOL, {"name": "delete"}])]


def only(events: list[sdk.ServerEvent], kind: type[E]) -> E:
    (found,) = [event for event in events if isinstance(event, kind)]
    return found


def said(events: list[sdk.ServerEvent]) -> str:
    return only(events, sdk.ServerEventResponseAudioTranscriptDone).transcript


def item_of(events: list[sdk.ServerEvent], kind: str) -> Any:
    created = [event for event in events if isinstance(event, sdk.ServerEventConversationItemCreated)]
    (found,) = [event.item for event in created if event.item is not None and event.item.type == kind]
    return found


async def ask(opened: VoiceLiveConnection) -> list[sdk.ServerEvent]:
    """Speak, and return the events up to the end of the response."""
    await opened.input_audio_buffer.append(audio=speech(800) + silence(700))  # type: ignore[arg-type]
    return await until(opened, DONE)


def docs(**options: Any) -> sdk.MCPServer:
    return sdk.MCPServer(server_label="docs", server_url="https://docs.example/mcp", **options)


async def test_a_spoken_question_calls_a_function_whose_output_is_spoken() -> None:
    replies = Replies(
        [
            Rule(after="speech", text="what time", call=CallRule("get_time", {"zone": "here"})),
            Rule(after="result", tool="get_time", say="It is {output}."),
        ],
        [TranscriptRule("What time is it?", turn=1)],
    )
    async with service(replies=replies) as local, connection(local) as opened:
        heard = sdk.AudioInputTranscriptionOptions(model="whisper-1")
        await opened.session.update(session=sdk.RequestSession(tools=[CLOCK], input_audio_transcription=heard))
        events = await ask(opened)
        transcript = only(events, sdk.ServerEventConversationItemInputAudioTranscriptionCompleted)
        assert transcript.transcript == "What time is it?"
        call = only(events, sdk.ServerEventResponseFunctionCallArgumentsDone)
        assert (call.name, call.arguments) == ("get_time", '{"zone":"here"}')
        deltas = [
            event.delta for event in events if isinstance(event, sdk.ServerEventResponseFunctionCallArgumentsDelta)
        ]
        assert "".join(deltas) == call.arguments
        await opened.conversation.item.create(item=sdk.FunctionCallOutputItem(call_id=call.call_id, output="noon"))
        await opened.response.create()
        assert said(await until(opened, DONE)) == "It is noon."


async def test_functions_are_called_in_parallel_and_answered_together() -> None:
    replies = Replies(
        [
            Rule(after="result", say="Done: {output}."),
            Rule(say="At once.", call=[CallRule("get_time"), CallRule("set_light", {"on": True})]),
        ]
    )
    async with service(replies=replies) as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession(tools=[CLOCK, LIGHT]))
        events = await ask(opened)
        assert said(events) == "At once."
        calls = [event for event in events if isinstance(event, sdk.ServerEventResponseFunctionCallArgumentsDone)]
        assert [call.name for call in calls] == ["get_time", "set_light"]
        for call in calls:
            output = sdk.FunctionCallOutputItem(call_id=call.call_id, output=f"{call.name} ok")
            await opened.conversation.item.create(item=output)
        await opened.response.create()
        assert said(await until(opened, DONE)) == "Done: get_time ok; set_light ok."


@pytest.mark.parametrize(("allowed", "shown"), [(None, ["search", "delete"]), (["search"], ["search"])])
async def test_an_mcp_server_lists_its_tools_when_it_is_configured(allowed: list[str] | None, shown: list[str]) -> None:
    async with service(replies=Replies([], mcp_servers=LISTED)) as local, connection(local) as opened:
        session = sdk.RequestSession(tools=[docs(allowed_tools=allowed)])
        await opened.session.update(session=session)
        events = await until(opened, sdk.ServerEventType.MCP_LIST_TOOLS_COMPLETED)
        item = item_of(events, "mcp_list_tools")
        assert isinstance(item, sdk.ResponseMCPListToolItem)
        assert [tool.name for tool in item.tools] == shown
        assert only(events, sdk.ServerEventMcpListToolsInProgress).item_id == item.id
        # The same server in a later update is not listed again.
        await opened.session.update(session=session)
        events = await until(opened, sdk.ServerEventType.SESSION_UPDATED)
        await opened.response.create()
        assert "mcp_list_tools.in_progress" not in [event.type for event in events + await until(opened, DONE)]


async def test_listing_the_tools_of_an_mcp_server_fails() -> None:
    replies = Replies([], mcp_servers=[McpServerRule("docs", fails=True)])
    async with service(replies=replies) as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession(tools=[docs()]))
        await until(opened, sdk.ServerEventType.MCP_LIST_TOOLS_FAILED)


async def test_an_mcp_tool_that_needs_no_approval_is_called_and_its_output_spoken() -> None:
    replies = Replies([Rule(after="result", tool="search", say="I found {output}."), Rule(mcp=SEARCH)])
    async with service(Faults(speed=0, mcp_call_ms=20), replies=replies) as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession(tools=[docs(require_approval="never")]))
        events = await ask(opened)
        assert only(events, sdk.ServerEventResponseMcpCallArgumentsDone).arguments == '{"query":"voice"}'
        events = await until(opened, sdk.ServerEventType.RESPONSE_MCP_CALL_COMPLETED)
        only(events, sdk.ServerEventResponseMcpCallInProgress)
        events = await until(opened, sdk.ServerEventType.RESPONSE_OUTPUT_ITEM_DONE)
        item = only(events, sdk.ServerEventResponseOutputItemDone).item
        assert isinstance(item, sdk.ResponseMCPCallItem)
        assert (item.output, item.error) == ("three pages", None)
        await opened.response.create()
        assert said(await until(opened, DONE)) == "I found three pages."


async def test_an_mcp_call_fails_and_the_model_can_say_so() -> None:
    failing = McpRule("docs", "search", error="the server is down")
    replies = Replies([Rule(after="result", text="down", say="It failed: {output}."), Rule(mcp=failing)])
    async with service(replies=replies) as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession(tools=[docs(require_approval="never")]))
        await ask(opened)
        await until(opened, sdk.ServerEventType.RESPONSE_MCP_CALL_FAILED)
        await opened.response.create()
        assert said(await until(opened, DONE)) == "It failed: the server is down."


@pytest.mark.parametrize("rule", [None, "always", {"always": ["search"]}, {"never": ["delete"]}])
async def test_an_mcp_call_waits_for_approval(rule: Any) -> None:
    replies = Replies([Rule(after="result", say="I found {output}."), Rule(mcp=SEARCH)])
    async with service(replies=replies) as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession(tools=[docs(require_approval=rule)]))
        request = item_of(await ask(opened), "mcp_approval_request")
        assert isinstance(request, sdk.ResponseMCPApprovalRequestItem)
        assert (request.server_label, request.name, request.arguments) == ("docs", "search", '{"query":"voice"}')
        assert request.id
        await opened.conversation.item.create(
            item=sdk.MCPApprovalResponseRequestItem(approval_request_id=request.id, approve=True)
        )
        events = await until(opened, sdk.ServerEventType.RESPONSE_MCP_CALL_COMPLETED)
        call = item_of(events, "mcp_call")
        assert call.approval_request_id == request.id
        await opened.response.create()
        assert said(await until(opened, DONE)) == "I found three pages."


async def test_an_mcp_call_that_is_not_allowed_is_not_made() -> None:
    replies = Replies([Rule(after="declined", say="As you like."), Rule(mcp=SEARCH)])
    async with service(replies=replies) as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession(tools=[docs()]))
        request = item_of(await ask(opened), "mcp_approval_request")
        await opened.conversation.item.create(
            item=sdk.MCPApprovalResponseRequestItem(approval_request_id=request.id, approve=False)
        )
        await opened.response.create()
        events = await until(opened, DONE)
        assert said(events) == "As you like."
        assert "response.mcp_call.in_progress" not in local.record.sessions[0].types()


async def test_an_approval_of_nothing_is_refused() -> None:
    async with service() as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession())
        await until(opened, sdk.ServerEventType.SESSION_UPDATED)
        await opened.conversation.item.create(
            item=sdk.MCPApprovalResponseRequestItem(approval_request_id="mcpr_none", approve=True)
        )
        error = await opened.recv()
        assert isinstance(error, sdk.ServerEventError)
        assert error.error.param == "item.approval_request_id"


async def test_recognition_of_a_turn_fails() -> None:
    replies = Replies([Rule(say="What?")], [TranscriptRule(fails=True)])
    async with service(replies=replies) as local, connection(local) as opened:
        heard = sdk.AudioInputTranscriptionOptions(model="azure-speech")
        await opened.session.update(session=sdk.RequestSession(input_audio_transcription=heard))
        failed = only(await ask(opened), sdk.ServerEventConversationItemInputAudioTranscriptionFailed)
        assert failed.error.code == "transcription_failed"
