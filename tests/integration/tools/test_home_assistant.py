"""A sentence for Home Assistant over real HTTP: answered, refused, too late, or answered by something else."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from device_daemon.config.settings import HomeAssistant
from device_daemon.tools.home_assistant import CREDENTIAL, NAME, ConversationApi
from device_daemon.tools.toolbox import Toolbox
from tests.integration.tools.home_assistant import TOKEN, FakeHomeAssistant

ID = "01JC2ZKX8Q0CDB3SY9XVMJ8XFX"


@pytest.fixture
async def home() -> AsyncIterator[FakeHomeAssistant]:
    async with FakeHomeAssistant() as fake:
        yield fake


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


def api(url: str, token_file: Path, **options: Any) -> ConversationApi:
    return ConversationApi(HomeAssistant(url=url, token_file=str(token_file)), {}, **options)


async def told(conversation: ConversationApi, text: str = "turn on the kitchen light") -> str:
    """What the model learns."""
    return await Toolbox([conversation.tool()]).call(NAME, json.dumps({"text": text}))


async def test_a_sentence_is_handed_over_and_its_answer_comes_back(home: FakeHomeAssistant, token_file: Path) -> None:
    assert await told(api(home.url, token_file, language="de")) == "Turned on the kitchen light"
    assert home.bodies == [{"text": "turn on the kitchen light", "language": "de"}]


async def test_the_token_may_be_a_credential_of_systemd(home: FakeHomeAssistant, tmp_path: Path) -> None:
    (tmp_path / CREDENTIAL).write_text(TOKEN)
    conversation = ConversationApi(HomeAssistant(url=f"{home.url}/"), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert await told(conversation) == "Turned on the kitchen light"


async def test_what_is_said_soon_after_belongs_to_the_same_conversation(
    home: FakeHomeAssistant, token_file: Path
) -> None:
    now_s = 0.0
    conversation = api(home.url, token_file, now=lambda: now_s)
    await told(conversation, "what is on my shopping list")
    now_s = 200.0
    await told(conversation, "add milk")
    now_s = 600.0
    await told(conversation, "turn it off")
    assert [body.get("conversation_id") for body in home.bodies] == [None, ID, None]


async def test_what_home_assistant_does_not_understand_is_for_the_model_and_no_failure(
    home: FakeHomeAssistant, token_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home.response_type, home.speech = "error", "Sorry, I couldn't understand that"
    assert await told(api(home.url, token_file)) == "error: Home Assistant says: Sorry, I couldn't understand that"
    assert not caplog.records


async def test_an_action_without_words_is_done(home: FakeHomeAssistant, token_file: Path) -> None:
    home.speech = ""
    assert await told(api(home.url, token_file)) == "done"


PORTAL = "is not Home Assistant (200): a login page, a proxy or another program"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (web.Response(text="<html>Welcome to the hotel</html>", content_type="text/html"), PORTAL),
        (web.Response(text="[]", content_type="application/json"), PORTAL),
        (web.Response(text="[" * 100_000, content_type="application/json"), PORTAL),
        (web.Response(body=b"\xff\xfe"), PORTAL),
        (web.json_response({"response": {"speech": 5}}), PORTAL),
        (web.json_response({"response": {"speech": {"plain": {"speech": "x"}}}}), "x"),
        (web.Response(status=302, headers={"Location": "http://portal.example/"}), "not Home Assistant (302)"),
        (web.Response(status=404), "has no Conversation API (404)"),
        (web.Response(status=502, text="<html>Bad gateway</html>"), "answered with an error (502);"),
        (web.json_response({"message": "Invalid language"}, status=400), "with an error (400): Invalid language;"),
        (web.Response(text="x" * 5_000_000), PORTAL),
    ],
)
async def test_an_answer_that_is_none_is_a_sentence_for_the_model_and_one_for_the_log(
    home: FakeHomeAssistant, token_file: Path, caplog: pytest.LogCaptureFixture, answer: web.Response, says: str
) -> None:
    home.answer = answer
    said = await told(api(home.url, token_file))
    assert says in said
    assert said == "x" or [record.levelno for record in caplog.records] == [logging.WARNING]
    assert TOKEN not in said + caplog.text


async def test_a_token_that_is_refused_says_how_to_make_a_new_one(
    home: FakeHomeAssistant, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("eyJ.old")
    said = await told(api(home.url, wrong))
    assert "refused the access token (401); make a new one there" in said
    assert "eyJ.old" not in said + caplog.text


async def test_a_new_token_needs_no_restart(home: FakeHomeAssistant, token_file: Path) -> None:
    token_file.write_text("eyJ.old")
    conversation = api(home.url, token_file)
    assert "401" in await told(conversation)
    token_file.write_text(TOKEN)
    assert await told(conversation) == "Turned on the kitchen light"


async def test_a_token_that_is_nowhere_says_where_it_was_looked_for(home: FakeHomeAssistant) -> None:
    said = await told(ConversationApi(HomeAssistant(url=home.url), {}))
    assert "no access token of Home Assistant: looked for" in said
    assert "tools.home_assistant.token_file" in said
    assert not home.bodies


async def test_a_home_assistant_that_is_silent_is_given_up(home: FakeHomeAssistant, token_file: Path) -> None:
    home.silent = True
    assert "did not answer in time" in await told(api(home.url, token_file, timeout_s=0.1))


async def test_a_home_assistant_that_is_not_there_is_a_sentence(
    token_file: Path, unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    said = await told(api(f"http://127.0.0.1:{unused_tcp_port}", token_file))
    assert "cannot be reached: " in said
    assert "tools.home_assistant.url" in said
    assert len(caplog.records) == 1


async def test_a_name_that_is_unknown_is_a_sentence(token_file: Path) -> None:
    assert "cannot be reached" in await told(api("http://homeassistant.invalid:8123", token_file))
