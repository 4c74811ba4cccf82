"""One conversation at a time: what waits while the one before is being closed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, cast

import pytest

from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Config, MicrophoneSettings, Service
from device_daemon.conversation.conversations import Conversations
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.ports import DeviceCallbacks
from device_daemon.greetings.cache import GreetingCache
from device_daemon.greetings.resolver import ConversationRequest, GreetingResolver
from device_daemon.health import Health, Part
from device_daemon.system.saved_state import SavedState
from tests.unit.conversation.room import FakeClient, FakeSpeaker, settle


def nothing(*_: object) -> Any:
    """Nobody wants to know."""


class SlowMicrophone(MicrophoneRouter):
    """A microphone that takes its time to close, and is never really opened."""

    def __init__(self) -> None:
        super().__init__(MicrophoneSettings(), on_failure=nothing, on_recovery=nothing)
        self.may_close = asyncio.Event()

    def listen(self) -> None:
        """It is not opened."""

    def close(self) -> Awaitable[None]:
        async def closed() -> None:
            await self.may_close.wait()

        return closed()


class QuietSpeaker(FakeSpeaker):
    class counters:  # noqa: N801 - as the speaker's
        underruns = 0

    health = Health(Part.SPEAKER)


@pytest.fixture
async def microphone() -> SlowMicrophone:
    return SlowMicrophone()


@pytest.fixture
async def manager(microphone: SlowMicrophone, tmp_path: Path) -> Conversations:
    config = Config(service=Service(local=True))
    saved_state = SavedState(tmp_path)
    return Conversations(
        config,
        client=FakeClient([]),
        speaker=cast("Speaker", QuietSpeaker([])),
        microphone=microphone,
        saved_state=saved_state,
        greetings=GreetingResolver(config, saved_state, GreetingCache(tmp_path / "greetings")),
        callbacks=DeviceCallbacks(
            own_sound=lambda _: (b"", 0.0),
            notice=lambda _: (bytes(48), 0.0),
            on_state=nothing,
            on_transcript=nothing,
            call_tool=nothing,
            on_begin=nothing,
            on_greeting_heard=nothing,
            on_end=nothing,
            keeps_microphone_open=lambda _: False,
        ),
    )


async def test_a_button_to_hold_that_was_let_go_before_its_conversation_could_begin_opens_none(
    microphone: SlowMicrophone, manager: Conversations
) -> None:
    manager.begin(ConversationRequest("button on pin 17", "none", 1.0))
    await settle()
    manager.stop(EndReason.PRESSED)
    await settle()
    assert manager.current is None
    manager.begin(ConversationRequest("button on pin 27", "none", 2.0, held_from_s=2.0))
    manager.begin(ConversationRequest("control socket", "none", 3.0))
    manager.talk_button_released()
    microphone.may_close.set()
    await settle()
    assert manager.request is not None
    assert manager.request.trigger == "control socket"
    await manager.close()
    assert manager.number == 2


async def test_what_waits_when_the_device_is_muted_is_made_if_it_needs_no_microphone_and_else_its_end_is_logged(
    microphone: SlowMicrophone, manager: Conversations, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    manager.begin(ConversationRequest("button on pin 17", "none", 1.0))
    await settle()
    manager.begin(ConversationRequest("schedule at 07:30", "none", 2.0))
    manager.begin(ConversationRequest("control socket", "none", 3.0, text="Dinner!", listens=False))
    manager.stop(EndReason.MUTED)
    microphone.may_close.set()
    await settle()
    assert manager.request is not None
    assert manager.request.trigger == "control socket"
    assert "schedule at 07:30: its request is dropped: the microphone was muted" in caplog.text
    await manager.close()
