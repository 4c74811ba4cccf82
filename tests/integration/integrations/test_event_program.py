"""The owner's program is run for each event: real programs, in order, with limits."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from device_daemon.conversation.policy import EndReason
from device_daemon.device import events as report
from device_daemon.device.event_stream import EventStream
from device_daemon.integrations.event_program import EventProgram
from device_daemon.state import State
from device_daemon.system.program import environment_for_programs
from scripts import REPOSITORY
from tests.integration.integrations.waiting import DEADLINE_S, until

DUCK = REPOSITORY / "config" / "examples" / "duck-other-players"


@asynccontextmanager
async def program(*arguments: str, deadline_s: float = DEADLINE_S, **variables: str) -> AsyncIterator[EventStream]:
    events = EventStream()
    environment = environment_for_programs(os.environ) | variables
    running = EventProgram(arguments, environment, events, deadline_s=deadline_s)
    try:
        yield events
    finally:
        await running.close()
        assert events.readers == 0


def script(folder: Path, *lines: str) -> str:
    path = folder / "hook"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)
    return str(path)


async def lines_of(path: Path, count: int) -> Sequence[str]:
    await until(lambda: path.exists() and len(path.read_text(encoding="utf-8").splitlines()) >= count)
    return path.read_text(encoding="utf-8").splitlines()


async def test_each_event_comes_in_order_on_stdin_and_in_the_environment(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    hook = script(tmp_path, f'echo "$VOICELIVE_EVENT $VOICELIVE_MUTED $VOICELIVE_VOLUME $(cat)" >>{seen}')
    async with program(hook) as events:
        events.publish(report.MuteChanged(muted=True))
        events.publish(report.VolumeChanged(volume=40))
        lines = await lines_of(seen, 2)
    assert lines[0].startswith('mute true  {"event":"mute"')
    assert lines[1].startswith('volume  40 {"event":"volume"')
    assert json.loads(lines[1].split(" ", 3)[3])["number"] == 2


async def test_it_gets_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_VOICELIVE_API_KEY", "a-secret")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x")
    seen = tmp_path / "seen"
    async with program(script(tmp_path, f"env >{seen}.new && mv {seen}.new {seen}")) as events:
        events.publish(report.MuteChanged(muted=True))
        lines = await lines_of(seen, 1)
    assert not [line for line in lines if "secret" in line or "CREDENTIALS" in line]


async def test_one_that_fails_is_logged_once_until_it_works_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    seen = tmp_path / "seen"
    hook = script(tmp_path, f"echo x >>{seen}", '[ "$VOICELIVE_VOLUME" = 3 ] || { echo "no such player" >&2; exit 4; }')
    async with program(hook) as events:
        for volume in (1, 2, 3, 4):
            events.publish(report.VolumeChanged(volume=volume))
        await lines_of(seen, 4)
    assert [record.message for record in caplog.records][:2] == [
        f"on_event: {hook}: failed with exit code 4: no such player; it is run again with the next event",
        f"on_event: {hook} works again",
    ]


async def test_one_that_hangs_is_killed_and_the_next_event_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seen = tmp_path / "seen"
    hook = script(tmp_path, f"echo x >>{seen}", '[ "$VOICELIVE_MUTED" = true ] && sleep 1000; true')
    async with program(hook, deadline_s=1.0) as events:
        events.publish(report.MuteChanged(muted=True))
        events.publish(report.MuteChanged(muted=False))
        await lines_of(seen, 2)
    assert "was killed, because it did not end within 1 s" in caplog.text


async def test_a_path_that_leads_nowhere_is_named(caplog: pytest.LogCaptureFixture) -> None:
    async with program("/nowhere/hook") as events:
        events.publish(report.MuteChanged(muted=True))
        await until(lambda: "/nowhere/hook" in caplog.text)
    assert "on_event: /nowhere/hook: cannot be run: No such file or directory" in caplog.text


async def test_the_example_ducks_another_player_and_restores_only_what_it_changed(tmp_path: Path) -> None:
    volume, log = tmp_path / "volume", tmp_path / "log"
    tools = tmp_path / "bin"
    tools.mkdir()
    mpc = tools / "mpc"
    mpc.write_text(
        f'#!/bin/sh\n[ "$1" = -q ] && {{ echo "$3" >{volume}; echo "$3" >>{log}; exit; }}\necho "volume: $(cat {volume})%"\n',
        encoding="utf-8",
    )
    mpc.chmod(0o755)
    volume.write_text("70\n", encoding="utf-8")
    started = report.ConversationStarted(conversation=1, trigger="button on pin 17")
    ended = report.StateChanged(state=State.IDLE, before=State.LISTENING)
    over = report.ConversationEnded(
        conversation=1,
        trigger="button on pin 17",
        greeting="none",
        reason=EndReason.IDLE,
        failure=None,
        duration_s=1.0,
        press_to_greeting_ms=None,
    )
    path = f"{tools}:{os.environ['PATH']}"
    async with program(str(DUCK), PATH=path, STATE_DIRECTORY=str(tmp_path)) as events:
        events.publish(started)
        events.publish(ended)
        events.publish(over)
        assert await lines_of(log, 2) == ["20", "70"]
        events.publish(started)
        assert await lines_of(log, 3) == ["20", "70", "20"]
        volume.write_text("35\n", encoding="utf-8")  # somebody turned it up meanwhile
        events.publish(over)
        events.publish(started)
        assert await lines_of(log, 4) == ["20", "70", "20", "20"]
