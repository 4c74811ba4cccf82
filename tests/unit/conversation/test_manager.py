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
from device_daemon.conversation.manager import ConversationManager, ManagerCallbacks
from device_daemon.conversation.policy import EndReason
from device_daemon.greetings.cache import GreetingCache
from device_daemon.greetings.resolver import ConversationRequest, GreetingResolver
from device_daemon.system.saved_state import SavedState
from tests.unit.conversation.room import FakeClient, FakeSpeaker, settle


def nothing(*_: object) -> Any:
    """Nobody wants to know."""


class SlowEar(MicrophoneRouter):
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


@pytest.fixture
async def ear() -> SlowEar:
    return SlowEar()


@pytest.fixture
async def talks(ear: SlowEar, tmp_path: Path) -> ConversationManager:
    config = Config(service=Service(local=True))
    memory = SavedState(tmp_path)
    return ConversationManager(
        config,
        client=FakeClient([]),
        speaker=cast("Speaker", QuietSpeaker([])),
        ear=ear,
        memory=memory,
        openings=GreetingResolver(config, memory, GreetingCache(tmp_path / "greetings")),
        outlets=ManagerCallbacks(
            own_sound=lambda _: (b"", 0.0),
            on_state=nothing,
            on_said=nothing,
            on_begin=nothing,
            on_end=nothing,
            stays_open=lambda _: False,
        ),
    )


async def test_a_button_to_hold_that_was_let_go_before_its_conversation_could_begin_opens_none(
    ear: SlowEar, talks: ConversationManager
) -> None:
    talks.begin(ConversationRequest("button on pin 17", "none", 1.0))
    await settle()
    talks.stop(EndReason.PRESSED)
    await settle()
    assert talks.current is None
    talks.begin(ConversationRequest("button on pin 27", "none", 2.0, held_from_s=2.0))
    talks.begin(ConversationRequest("control socket", "none", 3.0))
    talks.let_go()
    ear.may_close.set()
    await settle()
    assert talks.wish is not None
    assert talks.wish.trigger == "control socket"
    await talks.close()
    assert talks.number == 2
