"""The service between conversations: whether it can be reached, greetings fetched in advance, and a warm session."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from device_daemon.config.settings import Config
from device_daemon.conversation.ports import ClientPort
from device_daemon.errors import ServiceUnreachable, SpeakerError
from device_daemon.greetings.cache import GreetingCache
from device_daemon.greetings.resolver import GreetingResolver
from device_daemon.health import Health
from device_daemon.system.backoff import start_delay_s
from device_daemon.voicelive.greeting_prefetch import GreetingPrefetch
from device_daemon.voicelive.quota import NO_QUOTA, QuotaClient, TokenBucket, connections_per_minute
from device_daemon.voicelive.reachability import Reachability
from device_daemon.voicelive.warm_session import WarmSession

logger = logging.getLogger(__name__)


def _since_boot_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ServiceMonitor:
    """Works from `start`, and from the end of a conversation to the beginning of the next one.

    Args:
        config: Of the device.
        client: Connects to the service; all connections count for one quota.
        greeting_cache: Where greetings are kept.
        resolver: Knows which greetings will be wanted.
        on_outcome: Called after each attempt to reach the service, before anything is fetched.
        since_boot_s: How long the machine has been running.
    """

    def __init__(
        self,
        config: Config,
        client: ClientPort,
        greeting_cache: GreetingCache,
        resolver: GreetingResolver,
        on_outcome: Callable[[], None],
        *,
        since_boot_s: Callable[[], float] = _since_boot_s,
    ) -> None:
        per_minute = connections_per_minute(config.service)
        self._has_quota = per_minute != NO_QUOTA
        self._since_boot_s = since_boot_s
        service = QuotaClient(client, TokenBucket(per_minute))
        self.client = WarmSession(
            service, config.service.standby, assistant=config.default_assistant, background=service.background
        )
        """For conversations: a warm session, or a new connection."""
        self._reachability = Reachability(service.background, self._attempted)
        self._prefetch = GreetingPrefetch(service.background, greeting_cache, resolver.wanted)
        self._on_outcome = on_outcome
        self._logged: SpeakerError | None = None
        self._reached = False
        """It could be reached once since the start."""

    @property
    def clock(self) -> Health:
        """Whether the time of day can be believed."""
        return self._reachability.clock

    @property
    def service(self) -> Health:
        """Whether the service can be reached."""
        return self._reachability.service

    @property
    def failure(self) -> SpeakerError | None:
        """What is wrong with the way to the service now, None for nothing."""
        return self._reachability.failure

    def start(self) -> None:
        """Have the greetings in memory that are cached, and check whether the service can be reached.

        That is done now, but after a power cut (`start_delay_s`), where all speakers of a quota start together. A press does
        not wait for it.
        """
        self._prefetch.preload()
        self._reachability.begin(start_delay_s(self._since_boot_s()) if self._has_quota else 0.0)

    async def close(self) -> None:
        """Stop, and close the connections politely."""
        await asyncio.gather(self._reachability.close(), self._prefetch.close(), self.client.close())

    def report(self, outcome: SpeakerError | None) -> None:
        """Note how a conversation's connection went: None where the service answers."""
        self._reachability.report(outcome)

    def conversation_begins(self) -> None:
        """Leave the connections to the conversation."""
        self._reachability.stop()
        self._prefetch.stop()

    def conversation_ended(self, failure: SpeakerError | None) -> None:
        """Go on with what a healthy or a broken service needs."""
        if isinstance(failure, ServiceUnreachable):
            self._reachability.begin()
        elif self._reachability.failure or (failure and not self._reached):
            self._reachability.begin(0.0)
        elif failure is None:
            self._prefetch.begin()
            self.client.conversation_ended()

    def _attempted(self, failure: SpeakerError | None) -> None:
        """Take the outcome of a connection attempt; each outcome is logged once."""
        if failure and type(failure) is not type(self._logged):
            logger.warning("%s", failure)
        if failure is None and (self._logged or not self._reached):
            logger.info("the service can be reached%s", " again" if self._logged else "")
            self._reached = True
        self._logged = failure
        self._on_outcome()
        if failure is None:
            self._prefetch.begin()
            self.client.begin()
