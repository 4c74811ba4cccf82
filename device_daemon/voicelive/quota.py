"""Rate limit of new connections: one token bucket for conversations, reachability checks, warm sessions and prefetch.

The service allows 30 new connections a minute to a resource (Microsoft's "Quotas and limits" of Voice Live, January
2026) and answers further ones with 429. What it asks for with Retry-After holds for everybody, too.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

from device_daemon.config.endpoint import is_this_machine
from device_daemon.config.settings import SERVICE_ASSISTANT, Service
from device_daemon.conversation.ports import ClientPort, ConnectionPort
from device_daemon.errors import ServiceBusy

PER_MINUTE = 30
RESERVED = 10
"""Tokens that only a person's request may take: a press must not wait for what happens in the background."""
MINUTE_S = 60.0
NO_QUOTA = 100_000


def connections_per_minute(service: Service) -> int:
    """Return the quota of the service that the config names: a voice service on this machine has none."""
    host = urlsplit(service.endpoint or "").hostname
    return NO_QUOTA if service.local or (host and is_this_machine(host)) else PER_MINUTE


class TokenBucket:
    """Each token comes back a minute after it was taken, so that no minute sees more than `per_minute`. Pure."""

    def __init__(self, per_minute: int = PER_MINUTE, reserved: int = RESERVED) -> None:
        self._per_minute = per_minute
        self._reserved = reserved
        self._taken_s: deque[float] = deque()
        self._closed_until_s = -math.inf

    def take(self, now_s: float, *, background: bool) -> float:
        """Take a token and return 0.0; or take none, and return in how many seconds there will be one.

        Args:
            now_s: time.monotonic.
            background: The connection is not for a person who waits.
        """
        while self._taken_s and self._taken_s[0] <= now_s - MINUTE_S:
            self._taken_s.popleft()
        allowed = self._per_minute - self._reserved if background else self._per_minute
        wait_s = self._closed_until_s - now_s
        if len(self._taken_s) >= allowed:
            wait_s = max(wait_s, self._taken_s[len(self._taken_s) - allowed] + MINUTE_S - now_s)
        if wait_s > 0:
            return wait_s
        self._taken_s.append(now_s)
        return 0.0

    def close(self, for_s: float, now_s: float) -> None:
        """Give no token for so many seconds: the service asked for that."""
        self._closed_until_s = max(self._closed_until_s, now_s + for_s)


class QuotaClient:
    """A client within the quota. `connect` is for a person who waits; `background` is a client for everything else."""

    def __init__(
        self,
        client: ClientPort,
        bucket: TokenBucket | None = None,
        *,
        background: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._bucket = bucket or TokenBucket()
        self._background = background
        self._now = now

    @property
    def background(self) -> QuotaClient:
        """The same client and bucket, without the tokens that are reserved for persons."""
        return QuotaClient(self._client, self._bucket, background=True, now=self._now)

    async def connect(self, assistant: str = SERVICE_ASSISTANT) -> ConnectionPort:
        """Open a connection. Raises SpeakerError; ServiceBusy, with the time to wait, where there is no token."""
        wait_s = self._bucket.take(self._now(), background=self._background)
        if wait_s:
            raise ServiceBusy(
                f"too many connections in a short time: the next one may be opened in {math.ceil(wait_s)} s.", wait_s
            )
        try:
            return await self._client.connect(assistant)
        except ServiceBusy as failure:
            if failure.retry_after_s:
                self._bucket.close(failure.retry_after_s, self._now())
            raise
