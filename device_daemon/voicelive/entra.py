"""Access tokens of Microsoft Entra: fetched in a thread, kept in memory, and renewed ahead of their expiry."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, TypeVar

from device_daemon.config.settings import Service
from device_daemon.errors import ServiceUnreachable, SpeakerError
from device_daemon.system.background_task import Background
from device_daemon.system.backoff import backoff, retry_delay_s
from device_daemon.system.daemon_thread import in_daemon_thread
from device_daemon.system.loop_bridge import post_to_loop

TOKEN_DEADLINE_S: Final = 20.0
AHEAD_S: Final = 240.0
"""So long before its expiry a token is renewed: azure-identity and msal give the old one until 300 s before it."""
LEAST_LEFT_S: Final = 60.0
"""A token that expires sooner is not used any more: the handshake takes its time."""

Result = TypeVar("Result")

logger = logging.getLogger(__name__)


class AccessToken(NamedTuple):
    """A token, and times on the event loop's clock: the wall clock of a Pi jumps."""

    text: str
    expires_at_s: float
    renew_at_s: float


class Token:
    """Credential whose header is a Microsoft Entra token.

    Args:
        service: The config's section.
        environment: See `entra_identity.token_source`.
        fetch: Fetches a token, blocking; given by tests.
        deadline_s: For a connection that waits for a token.
        delays: Of the background's retries.
    """

    def __init__(
        self,
        service: Service,
        environment: Mapping[str, str],
        *,
        fetch: Callable[[], Any] | None = None,
        deadline_s: float = TOKEN_DEADLINE_S,
        delays: Callable[[], Iterator[float]] = backoff,
    ) -> None:
        self._service = service
        self._environment = environment
        self._source = fetch
        self._deadline_s = deadline_s
        self._delays = delays
        self._token: AccessToken | None = None
        self._fetching: asyncio.Future[AccessToken] | None = None
        self._renewal = Background("token renewal")

    async def headers(self) -> dict[str, str]:
        """Return the header that holds a valid token. Raises SpeakerError."""
        token = self._token
        if token is None or token.expires_at_s - LEAST_LEFT_S < asyncio.get_running_loop().time():
            token = await self._fetch()
            self._renewal.begin(self._renew())
        return {"Authorization": f"Bearer {token.text}"}

    async def close(self) -> None:
        """Forget the token; a thread that still fetches one is left behind."""
        self._token = None
        self._renewal.stop()
        if self._fetching:
            self._fetching.cancel()
            self._fetching = None

    async def _renew(self) -> None:
        """Renew the token ahead of its expiry, again and again; end where that is refused."""
        loop = asyncio.get_running_loop()
        delays = self._delays()
        while token := self._token:
            await asyncio.sleep(max(token.renew_at_s - loop.time(), 0))
            try:
                newer = await self._fetch()
            except SpeakerError as failure:
                delay_s = retry_delay_s(failure, next(delays))
                if delay_s is None or loop.time() > token.expires_at_s:
                    logger.warning("the token of Microsoft Entra was not renewed: %s", failure)
                    return  # the next connection tries again, and reports it
            else:
                if newer.expires_at_s > token.expires_at_s + 1:
                    delays = self._delays()
                    continue
                delay_s = next(delays)  # it is the old one: azure-identity keeps a failed renewal to itself
            await asyncio.sleep(delay_s)

    async def _fetch(self) -> AccessToken:
        """Return a token of the one fetch that runs, within the deadline: a network that hangs holds one thread."""
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.ensure_future(self._fetched())
            self._fetching.add_done_callback(_seen)
        done, _ = await asyncio.wait({self._fetching}, timeout=self._deadline_s)
        if not done:
            raise ServiceUnreachable("Microsoft Entra gave no token in time; check the network.")
        self._token = self._fetching.result()
        return self._token

    async def _fetched(self) -> AccessToken:
        found = await in_daemon_thread(self._in_thread, "token")
        now_s, wall_s = asyncio.get_running_loop().time(), time.time()
        lives_s = found.expires_on - wall_s
        renew_s = min((found.refresh_on or found.expires_on) - wall_s, lives_s - AHEAD_S)
        # A token that lives for less than a quarter of an hour is renewed once half of that has passed.
        return AccessToken(found.token, now_s + lives_s, now_s + max(renew_s, lives_s / 2 if lives_s < 900 else 1.0))

    def _in_thread(self) -> Any:
        def fetch(identity: Any) -> Any:
            if self._source is None:
                self._source = identity.token_source(self._service, self._environment)
            return self._source()

        return _with_identity(fetch, self._service)


async def sign_in_by_code(
    service: Service, environment: Mapping[str, str], show: Callable[[str, str], None], **options: Any
) -> str:
    """Sign in as a person, who enters a code on another device (device code); returns the account's name.

    Args:
        service: The config's section.
        environment: See `entra_identity.token_source`.
        show: Called with the address to open and the code to enter there.
        options: For tests: see `entra_identity.sign_in_by_code`.

    Raises:
        SpeakerError: By kind; nobody has entered the code in a quarter of an hour, too.
    """
    loop = asyncio.get_running_loop()

    def shown(address: str, code: str) -> None:
        post_to_loop(loop, partial(show, address, code))

    def sign_in(identity: Any) -> str:
        return str(identity.sign_in_by_code(service, environment, **options).sign_in(identity.SCOPE, shown))

    return await in_daemon_thread(partial(_with_identity, sign_in, service), "sign-in")


def _with_identity(work: Callable[[Any], Result], service: Service) -> Result:
    """Call `work` with the module `entra_identity`; raises SpeakerError."""
    entra_failures = None
    try:
        # 140 to 330 ms on a PC, a second on a Pi, and most speakers use a key.
        entra_failures = importlib.import_module("device_daemon.voicelive.entra_failures")
        return work(importlib.import_module("device_daemon.voicelive.entra_identity"))
    except Exception as error:
        if entra_failures is None:
            raise
        # Not `from error`: azure-identity's exceptions hold requests, and in them secrets.
        raise entra_failures.entra_failure(error, service.entra) from None


def _seen(fetching: asyncio.Future[AccessToken]) -> None:
    if not fetching.cancelled():
        fetching.exception()  # it may be that nobody waits for it any more
