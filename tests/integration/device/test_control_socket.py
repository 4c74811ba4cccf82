"""The control socket: who may ask, who is turned away, and what becomes of those who do not behave."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pwd
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from device_daemon.device import peer_credentials
from device_daemon.device.control_client import ask
from device_daemon.device.control_protocol import Refused
from device_daemon.device.control_socket import (
    CONNECTIONS_AT_ONCE,
    LINE_LIMIT_BYTES,
    SUBSCRIBERS_AT_ONCE,
    ControlSocket,
)
from device_daemon.device.events import VolumeChanged
from tests.unit.device.recording_speaker import Speaker

PATIENCE_S = 5.0


async def serving(path: Path, speaker: Speaker, **settings: Any) -> ControlSocket:
    server = ControlSocket(path, **settings)
    await server.listen()
    await server.serve(speaker)
    return server


@pytest.fixture
async def speaker(tmp_path: Path) -> AsyncIterator[Speaker]:
    """A speaker that listens on `tmp_path/run/control.sock`."""
    speaker = Speaker()
    server = await serving(tmp_path / "run" / "control.sock", speaker)
    yield speaker
    await server.close()
    assert not (tmp_path / "run" / "control.sock").exists()


async def asked(tmp_path: Path, line: str) -> str:
    async with asyncio.timeout(PATIENCE_S):
        return await asyncio.to_thread(ask, tmp_path / "run" / "control.sock", line)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event of its own
            await asyncio.sleep(0.01)


async def test_a_request_is_carried_out_and_answered(speaker: Speaker, tmp_path: Path) -> None:
    assert await asked(tmp_path, "say  Dinner\nis ready.") == "ok: say"
    assert speaker.done == [("say", "Dinner is ready.")], "a text of several lines is still one request"
    assert await asked(tmp_path, "status") == "idle, volume 50\nspeaker: underruns 1"


async def test_an_announcement_is_answered_when_it_was_said_and_meanwhile_everybody_else_is(
    speaker: Speaker, tmp_path: Path
) -> None:
    speaker.may_answer.clear()
    announcing = [asyncio.create_task(asked(tmp_path, f"say number {number}")) for number in range(3)]
    await until(lambda: len(speaker.done) == 3)
    idle = [await asyncio.open_unix_connection(tmp_path / "run" / "control.sock") for _ in range(CONNECTIONS_AT_ONCE)]
    for _ in range(3):
        assert await asked(tmp_path, "hold") == "ok: hold"
    assert not any(answer.done() for answer in announcing)
    speaker.may_answer.set()
    assert await asyncio.gather(*announcing) == ["ok: say"] * 3
    for _, writer in idle:
        writer.close()


async def test_what_was_not_said_is_answered_with_the_reason(speaker: Speaker, tmp_path: Path) -> None:
    speaker.refusal = "it was not said: the service answered with text only"
    assert await asked(tmp_path, "say Dinner") == "error: it was not said: the service answered with text only"


async def test_whoever_waits_for_an_announcement_hears_that_the_speaker_is_being_stopped(tmp_path: Path) -> None:
    speaker = Speaker()
    speaker.may_answer.clear()
    server = await serving(tmp_path / "run" / "control.sock", speaker)
    announcing = asyncio.create_task(asked(tmp_path, "say Dinner"))
    await until(lambda: len(speaker.done) == 1)
    await server.close()
    assert await announcing == "error: it was not said: the speaker is being stopped"


async def test_a_refusal_is_an_answer_that_says_why(speaker: Speaker, tmp_path: Path) -> None:
    assert await asked(tmp_path, "greet nobody") == "error: there is no greeting 'nobody'"
    assert await asked(tmp_path, " ") == "error: the request is empty"
    assert speaker.done == []


async def test_a_bug_behind_a_request_is_an_answer_too_and_the_next_request_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Speaker):
        def status(self) -> dict[str, Any]:
            return {"state": object()}

    server = await serving(tmp_path / "run" / "control.sock", Broken())
    assert (await asked(tmp_path, "status --json")).startswith("error: a bug in this program: TypeError(")
    assert "please report it" in caplog.text
    assert await asked(tmp_path, "hold") == "ok: hold"
    await server.close()


async def test_only_the_user_and_the_group_may_open_the_socket(speaker: Speaker, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "run" / "control.sock").stat().st_mode) == 0o660
    assert not speaker.done


@pytest.mark.parametrize("line", ["press", "say " + "x" * LINE_LIMIT_BYTES])
async def test_a_stranger_is_refused_and_hears_which_group_to_ask_for(line: str, tmp_path: Path) -> None:
    speaker = Speaker()
    server = await serving(tmp_path / "run" / "control.sock", speaker, uid_of=lambda _: 4_242_424)
    answer = await asked(tmp_path, line)
    assert answer.startswith("error: you may not control this speaker; ask for membership of group ")
    assert speaker.done == []
    await server.close()


async def test_the_kernel_says_who_asks() -> None:
    one, other = socket.socketpair(socket.AF_UNIX)
    with one, other:
        assert peer_credentials.peer_uid(one) == os.getuid()


async def test_a_member_of_the_sockets_group_may_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "socket"
    path.touch()
    group = path.stat().st_gid
    monkeypatch.setattr("pwd.getpwuid", lambda uid: pwd.struct_passwd(["joe", "", uid, 9, "", "", ""]))
    monkeypatch.setattr("os.getgrouplist", lambda _name, gid: [gid, group])
    assert peer_credentials.allowed(4_242_424, path)
    monkeypatch.setattr("os.getgrouplist", lambda _name, gid: [gid, group + 1])
    assert not peer_credentials.allowed(4_242_424, path)


def test_nobody_is_a_user_like_any_other_unless_the_namespace_hides_who_it_is(tmp_path: Path) -> None:
    (tmp_path / "all").write_text("         0          0 4294967295\n")
    (tmp_path / "private").write_text("         0          0          1\n       983        983          1\n")
    socket_of_root = Path("/proc/version")
    assert not peer_credentials.allowed(peer_credentials.OVERFLOW_UID, socket_of_root, tmp_path / "all")
    assert peer_credentials.allowed(peer_credentials.OVERFLOW_UID, socket_of_root, tmp_path / "private")


async def test_a_request_that_is_too_long_is_answered_with_the_limit(speaker: Speaker, tmp_path: Path) -> None:
    answer = await asked(tmp_path, "say " + "x" * 3 * LINE_LIMIT_BYTES)
    assert answer == f"error: a request may have {LINE_LIMIT_BYTES} bytes"
    assert speaker.done == []


async def test_a_client_that_says_nothing_is_disconnected(tmp_path: Path) -> None:
    speaker = Speaker()
    server = await serving(tmp_path / "run" / "control.sock", speaker, request_deadline_s=0.5)
    reader, writer = await asyncio.open_unix_connection(tmp_path / "run" / "control.sock")
    async with asyncio.timeout(PATIENCE_S):
        assert await reader.read() == b""
    writer.close()
    assert await asked(tmp_path, "hold") == "ok: hold"
    assert speaker.done == [("hold",)]
    await server.close()


async def test_clients_that_say_nothing_keep_nobody_from_asking(speaker: Speaker, tmp_path: Path) -> None:
    path = tmp_path / "run" / "control.sock"
    idle = [await asyncio.open_unix_connection(path) for _ in range(CONNECTIONS_AT_ONCE + 3)]
    assert await asked(tmp_path, "press") == "ok: press"
    for _, writer in idle[-2:]:
        writer.write(b"hold\n")
    async with asyncio.timeout(PATIENCE_S):
        assert await idle[0][0].read() == b"error: too many clients at once; try again\n"
        assert [await reader.read() for reader, _ in idle[-2:]] == [b"ok: hold\n"] * 2
    for _, writer in idle:
        writer.close()
    assert len(speaker.done) == 3


async def test_whoever_leaves_before_the_answer_harms_nobody(
    speaker: Speaker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for request in (b"", b"press", b"press\n"):
        with socket.socket(socket.AF_UNIX) as visitor:
            visitor.connect(str(tmp_path / "run" / "control.sock"))
            visitor.sendall(request)
    assert await asked(tmp_path, "hold") == "ok: hold"
    assert not caplog.records
    assert speaker.done


async def test_a_second_daemon_does_not_take_the_socket_from_the_first(speaker: Speaker, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="another voicelive-speaker is running"):
        await ControlSocket(tmp_path / "run" / "control.sock").listen()
    assert await asked(tmp_path, "hold") == "ok: hold"
    assert speaker.done == [("hold",)]


async def test_what_a_daemon_left_behind_that_was_killed_is_no_hindrance(tmp_path: Path) -> None:
    path = tmp_path / "run" / "control.sock"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    server = await serving(path, Speaker())
    assert await asked(tmp_path, "hold") == "ok: hold"
    await server.close()
    await server.close()


@pytest.mark.parametrize("name", ["file/control.sock", "x" * 120])
async def test_where_it_cannot_listen_the_place_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="cannot listen there"):
        await ControlSocket(tmp_path / name).listen()


async def test_whoever_asks_while_the_daemon_still_starts_is_answered_once_it_has(tmp_path: Path) -> None:
    path = tmp_path / "run" / "control.sock"
    server = ControlSocket(path)
    await server.listen()
    with socket.socket(socket.AF_UNIX) as early:
        early.connect(str(path))
        early.sendall(b"press\n")
        speaker = Speaker()
        await server.serve(speaker)
        async with asyncio.timeout(PATIENCE_S):
            assert await asyncio.to_thread(early.recv, 100) == b"ok: press\n"
    assert len(speaker.done) == 1
    await server.close()


async def test_a_daemon_that_is_stopped_while_it_starts_leaves_no_socket_behind(tmp_path: Path) -> None:
    server = ControlSocket(tmp_path / "run" / "control.sock")
    await server.listen()
    await server.close()
    assert not list((tmp_path / "run").iterdir())


async def test_closing_lets_go_of_whoever_is_connected(tmp_path: Path) -> None:
    server = await serving(tmp_path / "run" / "control.sock", Speaker())
    reader, writer = await asyncio.open_unix_connection(tmp_path / "run" / "control.sock")
    assert await asked(tmp_path, "hold") == "ok: hold", "whoever came before is connected by now"
    async with asyncio.timeout(PATIENCE_S):
        await server.close()
        assert await reader.read() == b""
    writer.close()


async def test_a_speaker_that_goes_away_without_an_answer_is_an_error_and_not_an_empty_answer(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.close()

    (tmp_path / "run").mkdir()
    async with await asyncio.start_unix_server(hang_up, tmp_path / "run" / "control.sock"):
        with pytest.raises(ConnectionAbortedError, match="without an answer"):
            await asked(tmp_path, "press")


def test_asking_where_nobody_listens_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ask(tmp_path / "control.sock", "press")


async def subscribed(tmp_path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(tmp_path / "run" / "control.sock")
    writer.write(b"subscribe\n")
    writer.write_eof()
    return reader, writer


async def readers(speaker: Speaker, count: int) -> None:
    """So many subscribers are served."""
    async with asyncio.timeout(PATIENCE_S):
        while speaker.events.readers != count:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0)


async def test_a_subscriber_reads_each_event_as_a_line_of_json_until_it_leaves(
    speaker: Speaker, tmp_path: Path
) -> None:
    reader, writer = await subscribed(tmp_path)
    await readers(speaker, 1)
    async with asyncio.timeout(PATIENCE_S):
        for volume in (10, 20):
            speaker.events.publish(VolumeChanged(volume=volume))
            event = json.loads(await reader.readline())
            assert (event["event"], event["version"], event["volume"]) == ("volume", 1, volume)
        assert await asked(tmp_path, "press") == "ok: press", "other requests are served meanwhile"
    writer.close()
    await writer.wait_closed()
    async with asyncio.timeout(PATIENCE_S):
        while speaker.events.readers:
            speaker.events.publish(VolumeChanged(volume=30))
            await asyncio.sleep(0)


async def test_one_subscriber_too_many_disconnects_the_oldest_of_them_and_tells_it_why(
    speaker: Speaker, tmp_path: Path
) -> None:
    clients = []
    for count in range(1, SUBSCRIBERS_AT_ONCE + 1):
        clients.append(await subscribed(tmp_path))
        await readers(speaker, count)
    clients.append(await subscribed(tmp_path))
    oldest, _ = clients[0]
    async with asyncio.timeout(PATIENCE_S):
        assert await oldest.read() == b"error: too many clients at once; try again\n"
    await readers(speaker, SUBSCRIBERS_AT_ONCE)
    for _, writer in clients:
        writer.close()
