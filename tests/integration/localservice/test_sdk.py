"""The real SDK against the local service, as its samples use it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from azure.ai.voicelive import models as sdk
from azure.ai.voicelive.aio import ConnectionError as VoiceLiveConnectionError
from azure.ai.voicelive.aio import connect

from device_daemon.localservice.faults import Faults
from device_daemon.localservice.scripted_replies import Replies, Rule
from tests.integration.localservice.sdk_client import KEY, SomeToken, connection, until
from tests.integration.localservice.wire import DEADLINE_S, service
from tests.unit.localservice.client_messages import silence, speech

MODELS = ["gpt-realtime", "gpt-4o", "phi4-mm-realtime"]


@pytest.mark.parametrize("model", MODELS)
async def test_the_quickstarts_sequence_is_served(model: str) -> None:
    async with service(key=KEY) as local, connection(local, model) as opened:
        session = sdk.RequestSession(
            modalities=[sdk.Modality.TEXT, sdk.Modality.AUDIO],
            instructions="Be brief.",
            voice=sdk.AzureStandardVoice(name="en-US-Ava:DragonHDLatestNeural"),
            input_audio_format=sdk.InputAudioFormat.PCM16,
            output_audio_format=sdk.OutputAudioFormat.PCM16,
            turn_detection=sdk.ServerVad(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=500),
            input_audio_echo_cancellation=sdk.AudioEchoCancellation(),
            input_audio_noise_reduction=sdk.AudioNoiseReduction(type="azure_deep_noise_suppression"),
        )
        await opened.session.update(session=session)
        created, updated = await until(opened, sdk.ServerEventType.SESSION_UPDATED)
        assert isinstance(created, sdk.ServerEventSessionCreated)
        assert isinstance(updated, sdk.ServerEventSessionUpdated)
        assert created.session.id == updated.session.id
        assert updated.session.expires_at is not None
        await opened.input_audio_buffer.append(audio=speech(800) + silence(700))  # type: ignore[arg-type]
        events = await until(opened, sdk.ServerEventType.RESPONSE_DONE)
    done = events[-1]
    assert isinstance(done, sdk.ServerEventResponseDone)
    assert done.response.status == sdk.ResponseStatus.COMPLETED
    assert done.response.usage is not None
    assert done.response.usage.output_token_details.audio_tokens > 0
    sound = b"".join(event.delta for event in events if isinstance(event, sdk.ServerEventResponseAudioDelta))
    assert len(sound) == 48 * 1000
    # Whatever the SDK has a type for arrives as that type.
    untyped = {event.type for event in events if type(event) is sdk.ServerEvent}
    assert untyped <= {"conversation.item.done"}


@pytest.mark.parametrize("model", MODELS)
async def test_a_greeting_in_given_words_is_one_transcript_delta(model: str) -> None:
    message = sdk.AssistantMessageItem(content=[sdk.OutputTextContentPart(text="Hi Lisa, welcome back!")])
    async with service() as local, connection(local, model) as opened:
        await opened.session.update(session=sdk.RequestSession())
        await opened.response.create(response=sdk.ResponseCreateParams(pre_generated_assistant_message=message))
        events = await until(opened, sdk.ServerEventType.RESPONSE_DONE)
    deltas = [event for event in events if isinstance(event, sdk.ServerEventResponseAudioTranscriptDelta)]
    assert [delta.delta for delta in deltas] == ["Hi Lisa, welcome back!"]


async def test_a_greeting_the_model_makes_up_comes_from_a_system_item() -> None:
    replies = Replies([Rule(after="request", say="I was asked: {text}")])
    async with service(replies=replies) as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession())
        request = sdk.SystemMessageItem(content=[sdk.InputTextContentPart(text="Greet Lisa.")])
        await opened.conversation.item.create(item=request)
        await opened.response.create()
        events = await until(opened, sdk.ServerEventType.RESPONSE_AUDIO_TRANSCRIPT_DONE)
    said = events[-1]
    assert isinstance(said, sdk.ServerEventResponseAudioTranscriptDone)
    assert said.transcript == "I was asked: Greet Lisa."


async def test_talking_over_an_answer_interrupts_it_and_what_was_heard_is_told() -> None:
    async with service(Faults(speed=1, delta_ms=100)) as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession(turn_detection=sdk.ServerVad(silence_duration_ms=200)))
        await opened.response.create()
        first = (await until(opened, sdk.ServerEventType.RESPONSE_AUDIO_DELTA))[-1]
        assert isinstance(first, sdk.ServerEventResponseAudioDelta)
        await opened.input_audio_buffer.append(audio=speech(300))  # type: ignore[arg-type]
        events = await until(opened, sdk.ServerEventType.RESPONSE_DONE)
        done = events[-1]
        assert isinstance(done, sdk.ServerEventResponseDone)
        assert isinstance(done.response.status_details, sdk.ResponseCancelledDetails)
        assert done.response.status_details.reason == "turn_detected"
        await opened.conversation.item.truncate(item_id=first.item_id, content_index=0, audio_end_ms=60)
        truncated = (await until(opened, sdk.ServerEventType.CONVERSATION_ITEM_TRUNCATED))[-1]
        assert isinstance(truncated, sdk.ServerEventConversationItemTruncated)
        assert truncated.audio_end_ms == 60


async def test_word_times_come_if_they_are_asked_for() -> None:
    async with service() as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession(output_audio_timestamp_types=["word"]))
        await opened.response.create()
        events = await until(opened, sdk.ServerEventType.RESPONSE_DONE)
    words = [event for event in events if isinstance(event, sdk.ServerEventResponseAudioTimestampDelta)]
    assert [word.text for word in words][:3] == ["One", "two", "three"]
    ends = [word.audio_offset_ms + word.audio_duration_ms for word in words]
    assert ends[-1] == 1000
    assert ends == sorted(ends)


async def test_visemes_come_if_they_are_asked_for() -> None:
    animation = sdk.Animation(outputs=[sdk.AnimationOutputType.VISEME_ID])
    async with service() as local, connection(local) as opened:
        await opened.session.update(session=sdk.RequestSession(animation=animation))
        await opened.response.create()
        events = await until(opened, sdk.ServerEventType.RESPONSE_DONE)
    shapes = [event for event in events if isinstance(event, sdk.ServerEventResponseAnimationVisemeDelta)]
    offsets_ms = [shape.audio_offset_ms for shape in shapes]
    assert offsets_ms == sorted(offsets_ms)
    assert 900 < offsets_ms[-1] < 1000
    assert all(0 <= shape.viseme_id <= 21 for shape in shapes)
    # "One two three ...": the mouth closes after each word.
    assert [shape.viseme_id for shape in shapes][:10] == [8, 19, 4, 0, 19, 7, 8, 0, 17, 13]
    assert [event.type for event in events].count("response.animation_viseme.done") == 1


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_a_refused_handshake_is_the_sdks_connection_error(status: int) -> None:
    async with service(Faults(refuse_status=status, retry_after_s=3)) as local:
        with pytest.raises(VoiceLiveConnectionError) as caught:
            async with connection(local):
                pass
    cause = caught.value.__cause__
    assert getattr(cause, "status", None) == status
    assert getattr(cause, "headers", {})["Retry-After"] == "3"


async def test_a_wrong_key_is_refused_and_a_token_is_taken_like_a_key() -> None:
    async with service(key=KEY) as local:
        with pytest.raises(VoiceLiveConnectionError):
            async with connection(local, key="wrong"):
                pass
        credential: Any = SomeToken(KEY)
        async with connect(
            endpoint=local.endpoint, credential=credential, agent_name="concierge", project_name="p"
        ) as opened:
            await until(opened, sdk.ServerEventType.SESSION_CREATED)


async def test_a_client_that_leaves_in_the_middle_of_an_answer_leaves_nothing_behind() -> None:
    async with service(Faults(speed=1)) as local:
        async with connection(local) as opened:
            await opened.session.update(session=sdk.RequestSession())
            await opened.response.create()
            await until(opened, sdk.ServerEventType.RESPONSE_AUDIO_DELTA)
        async with asyncio.timeout(DEADLINE_S):
            await local.record.sessions[0].closed.wait()
        assert not [task for task in asyncio.all_tasks() if "ResponseSynthesizer" in repr(task)]
