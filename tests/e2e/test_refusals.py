"""A service that cannot be had: the press is answered with a notice, and it is tried again where that can help."""

import socket

import pytest

from device_daemon.localservice.faults import NONE, Faults
from device_daemon.localservice.server import LocalService
from scripts.rig.device import KEY
from tests.e2e.room import GREETING, Room, voice


async def test_without_a_key_it_names_the_three_places_until_one_holds_a_key(room: Room) -> None:
    key_file = room.folder / "key"
    service = {"endpoint": room.service.endpoint, "model": "gpt-realtime", "api_key_file": str(key_file)}
    environment = {"AZURE_VOICELIVE_API_KEY": "", "CREDENTIALS_DIRECTORY": str(room.folder / "credentials")}
    async with room.speaker(environment, service=service) as device:
        await device.enters("error")
        line = await device.wait_for_log("no API key")
        for place in (f"{room.folder}/credentials/api-key", str(key_file), "AZURE_VOICELIVE_API_KEY"):
            assert place in line
        pressed_s = await device.press()
        await room.hears_notice("key", pressed_s)
        assert "no API key" in (await device.status())["failure"]

        key_file.write_text(KEY)
        await device.press()
        await device.enters("listening")


@pytest.mark.parametrize(
    ("status", "state", "notice", "words"),
    [
        (401, "error", "key", "refused the key"),
        (404, "error", "settings", "no Voice Live there"),
        (429, "offline", "busy", "accepts no further connections"),
    ],
)
async def test_a_refused_handshake_is_told_by_state_and_notice(
    room: Room, status: int, state: str, notice: str, words: str
) -> None:
    room.service.faults = Faults(refuse_status=status, retry_after_s=0)
    async with room.speaker() as device:
        await device.enters(state)
        assert words in await device.wait_for_log("WARNING")
        pressed_s = await device.press()
        await device.enters("connecting")
        await device.enters(state)
        await room.hears_notice(notice, pressed_s)
        assert not room.card.microphone_open
        room.service.faults = NONE
        await device.press()
        await device.enters("listening")


async def test_an_unreachable_service_is_found_again_by_itself(room: Room) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    async with room.speaker(endpoint=f"ws://127.0.0.1:{port}") as device:
        await device.enters("offline")
        assert f"cannot reach 127.0.0.1:{port}" in await device.wait_for_log("WARNING")
        pressed_s = await device.press()
        await device.enters("connecting")
        await device.enters("offline")
        await room.hears_notice("offline", pressed_s)

        late = LocalService(port=port, key=KEY)
        await late.start()
        await device.enters("idle")
        await device.wait_for_log("the service can be reached again")
        assert (await device.status())["failure"] is None
        await device.press()
        await device.enters("listening")
        await device.ask("stop")
        await device.enters("idle")
        await late.stop()


async def test_a_session_that_is_never_ready_is_given_up_and_tried_again(room: Room) -> None:
    async with room.speaker() as device:
        await room.probed()
        room.service.faults = Faults(no_session_updated=True, first_connections=1)
        pressed_s = await device.press()
        await device.enters("listening")
        await device.wait_for_log("did not answer session.update within 4 s")
        assert len(room.sessions) == 2
        assert room.heard(voice(GREETING), pressed_s).frames == len(voice(GREETING)) // 2


async def test_a_rejected_session_names_the_setting(room: Room) -> None:
    async with room.speaker() as device:
        await room.probed()
        room.service.faults = Faults(reject_session_update="invalid_voice_type", reject_param="session.voice")
        pressed_s = await device.press()
        await device.enters("error")
        line = await device.wait_for_log("the service refused the session")
        assert "session.voice" in line
        assert "invalid_voice_type" in line
        await room.hears_notice("settings", pressed_s)
        assert len(room.sessions) == 1, "trying again cannot help"
