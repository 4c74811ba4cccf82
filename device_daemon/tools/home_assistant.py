"""Home Assistant as a tool: hands a sentence to its Conversation API on the local network, and returns what it answers.

https://developers.home-assistant.io/docs/intent_conversation_api. What the sentence may do is Home Assistant's to decide:
the entities that are exposed to Assist, and its conversation agent.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Struct

from device_daemon.config.settings import HomeAssistant
from device_daemon.system.daemon_thread import in_daemon_thread
from device_daemon.system.foreign_text import safe
from device_daemon.system.secret_file import read_secret
from device_daemon.tools.tool import Tool, ToolError

NAME: Final = "home_assistant"
CREDENTIAL: Final = "home-assistant-token"
PATH: Final = "/api/conversation/process"
TIMEOUT_S: Final = 15.0
"""A conversation agent may ask a language model of its own."""
CONNECT_TIMEOUT_S: Final = 4.0
CONVERSATION_S: Final = 300.0
"""So long Home Assistant remembers a conversation after its last sentence (CONVERSATION_TIMEOUT in chat_session.py)."""
_MOST_BYTES: Final = 256 * 1024
_MOST_CHARACTERS: Final = 2_000
_DESCRIPTION: Final = (
    "Controls this home and answers questions about it, by Home Assistant: lights, heating, blinds, scenes, sensors,"
    " shopping list. Call it once for each request; say what it answers in your own words."
)
_PARAMETERS: Final = {
    "type": "object",
    "properties": {
        "text": {
            "type": "string",
            "minLength": 1,
            "maxLength": 500,
            "description": "The request as one plain sentence in the person's language, such as: turn on the kitchen light.",
        }
    },
    "required": ["text"],
    "additionalProperties": False,
}


class _Plain(Struct):
    speech: str = ""


class _Speech(Struct):
    plain: _Plain = msgspec.field(default_factory=_Plain)


class _Spoken(Struct):
    response_type: str = ""
    speech: _Speech = msgspec.field(default_factory=_Speech)


class _Answer(Struct):
    """What of the API's answer is needed."""

    response: _Spoken
    conversation_id: str | None = None


class ConversationApi:
    """The Conversation API of one Home Assistant. All methods are called in the event loop's thread.

    Args:
        settings: The config's section.
        environment: Where systemd names its credentials.
        ca_file: CA certificates that are trusted as well as the system's.
        language: Of the sentences, such as de-DE; None: as Home Assistant is set.
        timeout_s: For one call.
        now: time.monotonic, or a test's clock.
    """

    def __init__(
        self,
        settings: HomeAssistant,
        environment: Mapping[str, str],
        *,
        ca_file: str | None = None,
        language: str | None = None,
        timeout_s: float = TIMEOUT_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = settings.url.rstrip("/") + PATH
        self._host = settings.url.partition("://")[2].rstrip("/")
        self._read_token = partial(
            read_secret,
            "access token of Home Assistant",
            credential=CREDENTIAL,
            file=settings.token_file,
            setting="tools.home_assistant.token_file",
            environment=environment,
        )
        self._ca_file = ca_file
        self._language = language
        self._timeout_s = timeout_s
        self._now = now
        self._trust: ssl.SSLContext | None = None
        self._conversation: tuple[str, float] | None = None

    def tool(self) -> Tool:
        """Return the tool of the model."""

        async def call(given: Mapping[str, Any]) -> str:
            return await self.process(given["text"])

        return Tool(NAME, _DESCRIPTION, _PARAMETERS, call, self._timeout_s + 1.0)

    async def process(self, text: str) -> str:
        """Hand over a sentence and return the answer.

        Raises:
            SpeakerError: There is no token, no answer, or none that is of Home Assistant.
        """
        token = await in_daemon_thread(self._read_token, "token file")  # each time: a new one needs no restart
        if self._trust is None and self._url.startswith("https"):
            from device_daemon.voicelive.tls import tls_context  # noqa: PLC0415 - only where it is needed

            self._trust = await in_daemon_thread(partial(tls_context, self._ca_file), "certificates")
        body = {"text": text}
        if self._language:
            body["language"] = self._language
        if self._conversation and self._now() < self._conversation[1]:
            body["conversation_id"] = self._conversation[0]
        answer = await self._ask(body, token)
        if answer.conversation_id:
            self._conversation = answer.conversation_id, self._now() + CONVERSATION_S
        said = safe(answer.response.speech.plain.speech, _MOST_CHARACTERS)
        if answer.response.response_type == "error":
            # It was understood wrongly or not at all: for the model, which may ask again, and no failure of ours.
            return f"error: Home Assistant says: {said or 'it cannot do that'}"
        return said or "done"

    async def _ask(self, body: Mapping[str, str], token: str) -> _Answer:
        import aiohttp  # noqa: PLC0415 - 280 ms, and the connection to the service has imported it

        from device_daemon.voicelive.resolver import DaemonResolver  # noqa: PLC0415 - it imports aiohttp

        timeout = aiohttp.ClientTimeout(total=self._timeout_s, connect=CONNECT_TIMEOUT_S)
        connector = aiohttp.TCPConnector(resolver=DaemonResolver(), ssl=self._trust or True)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as http,
                http.post(self._url, json=body, headers=headers, allow_redirects=False) as response,
            ):
                content = await response.content.read(_MOST_BYTES)
                while len(content) < _MOST_BYTES and (piece := await response.content.read(_MOST_BYTES)):
                    content += piece
        except TimeoutError:
            raise ToolError(
                f"Home Assistant ({self._host}) did not answer in time; check that it runs and is not overloaded."
            ) from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientConnectorSSLError):
            raise ToolError(
                f"the certificate of Home Assistant ({self._host}) is not valid here; put its CA into service.ca_file, or"
                " take its http:// address on the local network."
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ToolError(
                f"Home Assistant ({self._host}) cannot be reached: {_reason(error)}; check that it runs, and"
                " tools.home_assistant.url."
            ) from None
        return self._answer(response.status, content)

    def _answer(self, status: int, content: bytes) -> _Answer:
        match status:
            case 401 | 403:
                raise ToolError(
                    f"Home Assistant refused the access token ({status}); make a new one there (profile, Security,"
                    " long-lived access tokens) and put it in the place of the old one."
                )
            case 404:
                raise ToolError(
                    f"{self._host} has no Conversation API (404); check tools.home_assistant.url, and that Home Assistant"
                    " has the integration conversation (default_config has it)."
                )
            case 200:
                try:
                    return msgspec.json.decode(content, type=_Answer)
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    pass
            case _ if status >= 400:
                said = _message(content)
                raise ToolError(f"Home Assistant answered with an error ({status}){said}; its own log says more.")
        raise ToolError(
            f"what answers at {self._host} is not Home Assistant ({status}): a login page, a proxy or another program;"
            " check tools.home_assistant.url and the network."
        )


def _reason(error: Exception) -> str:
    inner = getattr(error, "os_error", None) or error
    return safe(getattr(inner, "strerror", None) or str(inner) or type(error).__name__).rstrip(".")


def _message(content: bytes) -> str:
    """Return what Home Assistant says about an error: {"message": "..."}."""
    try:
        said = msgspec.json.decode(content, type=dict[str, Any]).get("message")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return f": {safe(str(said))}" if said else ""
