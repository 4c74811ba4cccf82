"""Our messages in the SDK's types, sent through its connection's resources: mypy and an upgrade of the SDK check them."""

from __future__ import annotations

from azure.ai.voicelive import models
from azure.ai.voicelive.aio import VoiceLiveConnection

from device_daemon.conversation import commands as do
from device_daemon.greetings.opening import Opening
from device_daemon.voicelive.session import metadata, voice


async def send(sdk: VoiceLiveConnection, message: do.Message, session: models.RequestSession) -> None:  # noqa: C901, PLR0912 - a table
    """Send one of our messages.

    Args:
        sdk: Where to.
        message: What; microphone audio is none of them.
        session: What session.update asks for.

    Raises:
        azure.ai.voicelive.aio.ConnectionError: The connection is closed or broke.
    """
    match message:
        case do.UpdateSession(push_to_talk, trigger):
            session = models.RequestSession(session)
            session.metadata = metadata(trigger)
            if push_to_talk:
                session["turn_detection"] = None  # goes out as null: the person says by the button when a turn ends
            await sdk.session.update(session=session, event_id=do.SESSION_UPDATE_ID)
        case do.UpdateMetadata(trigger):
            await sdk.session.update(session=models.RequestSession(metadata=metadata(trigger)))
        case do.RequestGreeting(opening, event_id):
            await _request_greeting(sdk, opening, event_id)
        case do.Recall("assistant", text):
            await _add_item(sdk, models.AssistantMessageItem(content=[models.OutputTextContentPart(text=text)]))
        case do.Recall("user", text):
            await _add_item(sdk, models.UserMessageItem(content=[models.InputTextContentPart(text=text)]))
        case do.Recall(_, text):
            await _add_item(sdk, models.SystemMessageItem(content=[models.InputTextContentPart(text=text)]))
        case do.Truncate(item_id, content_index, audio_end_ms):
            await sdk.conversation.item.truncate(
                item_id=item_id, content_index=content_index, audio_end_ms=audio_end_ms
            )
        case do.CancelResponse(response_id):
            await sdk.response.cancel(response_id=response_id)
        case do.CommitAudio():
            await sdk.input_audio_buffer.commit()
        case do.RequestReply(event_id):
            await sdk.response.create(event_id=event_id)
        case do.ToolOutput(call_id, output):
            await _add_item(sdk, models.FunctionCallOutputItem(call_id=call_id, output=output))
        case do.AnswerApproval(request_id, approve):
            await _add_item(sdk, models.MCPApprovalResponseRequestItem(approval_request_id=request_id, approve=approve))
        case do.ClearAudio():
            await sdk.input_audio_buffer.clear()


async def _request_greeting(sdk: VoiceLiveConnection, opening: Opening, event_id: str) -> None:
    """By the two ways of Microsoft's "How to add proactive messages to a Voice Live real-time voice agent"."""
    response = models.ResponseCreateParams()
    if opening.voice:
        response.voice = voice(opening.voice)
    if opening.ask_model:
        await _add_item(sdk, models.SystemMessageItem(content=[models.InputTextContentPart(text=opening.text)]))
    else:
        response.pre_generated_assistant_message = models.AssistantMessageItem(
            content=[models.OutputTextContentPart(text=opening.text)]
        )
    await sdk.response.create(response=response, event_id=event_id)


async def _add_item(sdk: VoiceLiveConnection, item: models.ConversationRequestItem) -> None:
    await sdk.conversation.item.create(item=item)
