"""The MQTT client: reports state and events to a broker, takes commands from it, and connects again with backoff.

Events that happen while there is no connection are dropped: an old press must not switch anything. The state that is
published with a new connection is the present one. Commands are subscribed to with QoS 0, so that the broker delivers
none of them twice, and retained ones are ignored.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from device_daemon.config.settings import Mqtt
from device_daemon.device.event_stream import EventStream, Subscription
from device_daemon.errors import KeyMissing, SpeakerError
from device_daemon.health import Health, Part
from device_daemon.integrations import mqtt_topics
from device_daemon.integrations.mqtt_commands import Commands
from device_daemon.system.apt import Versions
from device_daemon.system.backoff import backoff
from device_daemon.system.daemon_thread import in_daemon_thread
from device_daemon.system.foreign_text import safe
from device_daemon.system.pip_command import install_command
from device_daemon.system.secret_file import read_secret

if TYPE_CHECKING:
    import aiomqtt

logger = logging.getLogger(__name__)

REQUIREMENT: Final = "aiomqtt>=2.5,<3"
DEADLINE_S: Final = 10.0
"""Of a connection attempt, and of everything that is published."""
SPREAD_S: Final = 30.0
"""Over which the first tries of all speakers are spread that lost the same broker at the same moment."""
FAREWELL_S: Final = 1.0
"""For the last message to a broker that does not answer."""
KEEPALIVE_S: Final = 30
REFRESH_S: Final = 900.0
"""How often the state is published that changes without an event: a new day, a new version in apt's lists."""
MOST_COMMANDS: Final = 16
"""Commands that wait; more are dropped."""
MOST_CHARACTERS: Final = 4_000
"""Of a command."""


def reconnect_delays() -> Iterator[float]:
    """Yield the delays between tries to connect, in seconds."""
    return backoff(spread_s=SPREAD_S)


class MqttClient:
    """Made in the event loop's thread.

    Args:
        settings: Of the config.
        greetings: The names of the config's greetings.
        events: What happens.
        status: Returns what `status --json` says.
        commands: Carries out commands.
        versions: Returns what apt says of the package.
        environment: Where systemd names its credentials.
        hostname: Names the device.
        delays: Makes the waits between tries; given by tests.
        refresh_s: See `REFRESH_S`.

    Attributes:
        health: Of the connection.
    """

    def __init__(
        self,
        settings: Mqtt,
        greetings: list[str],
        events: EventStream,
        *,
        status: Callable[[], Mapping[str, Any]],
        commands: Commands,
        versions: Callable[[], Awaitable[Versions | None]],
        environment: Mapping[str, str],
        hostname: str = "",
        delays: Callable[[], Iterator[float]] = reconnect_delays,
        refresh_s: float = REFRESH_S,
    ) -> None:
        self.health = Health(Part.MQTT)
        self._settings = settings
        self._greetings = greetings
        self._events = events
        self._status = status
        self._commands = commands
        self._ask_versions = versions
        self._versions: Versions | None = None
        self._dropped_commands = 0
        self._described = self._described_before = b""
        self._environment = environment
        self._hostname = hostname or socket.gethostname()
        self._topics = mqtt_topics.topics(settings.base_topic, settings.discovery_prefix, self._hostname)
        self._delays = delays
        self._refresh_s = refresh_s
        self._closing = asyncio.Event()
        self._connected = False
        self._task = asyncio.get_running_loop().create_task(self._run(), name="mqtt")

    async def close(self) -> None:
        """Say that the device is offline, and disconnect."""
        self._closing.set()
        if self._connected:
            await asyncio.wait({self._task}, timeout=FAREWELL_S)
        await _end(self._task)

    async def _run(self) -> None:
        try:
            # 90 ms on a PC, which only this needs: in a thread.
            mqtt = await asyncio.to_thread(_import_aiomqtt)
        except ImportError:
            self._failed(SpeakerError(f"mqtt: aiomqtt is not installed; `{install_command(REQUIREMENT)}` installs it."))
            return
        delays = self._delays()
        while not self._closing.is_set():
            try:
                async with await self._client(mqtt) as client:
                    self._connected = True
                    delays = self._delays()
                    if self.health.recovered(time.monotonic()) or self.health.since_s is None:
                        logger.info("mqtt: connected to %s:%d", self._settings.host, self._settings.port)
                    await self._serve(client)
            except (mqtt.MqttError, KeyMissing, OSError) as error:
                if self._closing.is_set():
                    return  # what failed was the farewell
                where = f"{self._settings.host}:{self._settings.port}"
                self._failed(SpeakerError(f"mqtt: {where}: {safe(str(error))}; it is tried again."))
            finally:
                self._connected = False
            if not self._closing.is_set():
                await asyncio.sleep(next(delays))

    async def _client(self, mqtt: Any) -> aiomqtt.Client:
        """Return a client that is not connected yet. Raises KeyMissing or OSError: a file is not readable."""
        settings = self._settings
        password, context = await in_daemon_thread(self._secrets, "mqtt secrets")
        client: aiomqtt.Client = mqtt.Client(
            settings.host,
            settings.port,
            username=settings.username,
            password=password,
            identifier=f"voicelive-speaker-{mqtt_topics.device_id(self._hostname)}",
            will=mqtt.Will(self._topics.availability, mqtt_topics.OFFLINE, qos=1, retain=True),
            keepalive=KEEPALIVE_S,
            timeout=DEADLINE_S,
            max_queued_incoming_messages=MOST_COMMANDS,
            tls_context=context,
        )
        return client

    def _secrets(self) -> tuple[str | None, ssl.SSLContext | None]:
        """Read the password and the certificates, in a thread."""
        settings, password, context = self._settings, None, None
        if settings.username is not None:
            password = read_secret(
                "MQTT password",
                credential="mqtt-password",
                file=settings.password_file,
                setting="mqtt.password_file",
                environment=self._environment,
            )
        if settings.tls:
            context = ssl.create_default_context()
            if settings.ca_file:
                context.load_verify_locations(settings.ca_file)
            if settings.certificate_file:
                context.load_cert_chain(settings.certificate_file)
        return password, context

    async def _serve(self, client: aiomqtt.Client) -> None:
        """Report and take commands, until `close`, or until the connection is lost. Raises MqttError."""
        topics = self._topics
        self._described = self._described_before = b""
        with self._events.subscribe() as subscription:
            await client.subscribe([(topics.command("+"), 0), (topics.discovery, 0)])
            await self._publish_description(client)
            await client.publish(topics.availability, mqtt_topics.ONLINE, qos=1, retain=True)
            await self._publish_state(client)
            tasks = {
                asyncio.ensure_future(self._publish_events(client, subscription)),
                asyncio.ensure_future(self._take_commands(client)),
                asyncio.ensure_future(self._refresh(client)),
                asyncio.ensure_future(self._closing.wait()),
            }
            try:
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                await client.publish(topics.availability, mqtt_topics.OFFLINE, qos=1, retain=True, timeout=FAREWELL_S)
            finally:
                await _end(*tasks)

    async def _publish_events(self, client: aiomqtt.Client, subscription: Subscription) -> None:
        while True:
            event = await subscription.next()
            await client.publish(self._topics.event, mqtt_topics.event_payload(event), qos=1)
            await self._publish_state(client)

    async def _publish_state(self, client: aiomqtt.Client) -> None:
        state = mqtt_topics.state_payload(self._status(), self._versions)
        await client.publish(self._topics.state, state, qos=1, retain=True)

    async def _publish_description(self, client: aiomqtt.Client) -> None:
        description = mqtt_topics.discovery_payload(
            self._topics, self._hostname, self._status(), self._greetings, self._versions
        )
        description = mqtt_topics.with_removals(description, self._described_before)
        if description != self._described:
            self._described = description
            await client.publish(self._topics.discovery, description, qos=1, retain=True)

    async def _refresh(self, client: aiomqtt.Client) -> None:
        while True:
            before, self._versions = self._versions, await self._ask_versions()
            if (before is None) != (self._versions is None):
                await self._publish_description(client)
            await self._publish_state(client)
            await asyncio.sleep(self._refresh_s)

    async def _take_commands(self, client: aiomqtt.Client) -> None:
        running: set[asyncio.Task[None]] = set()
        async for message in client.messages:
            name = message.topic.value.rsplit("/", 1)[-1]
            payload = message.payload if isinstance(message.payload, bytes) else b""
            if message.topic.value == self._topics.discovery:
                if message.retain:  # the description of the connection before; else it is the one just published
                    self._described_before = payload
                    await self._publish_description(client)
            elif message.retain:
                logger.warning("mqtt: %s: a retained command is ignored; remove it from the broker", safe(name))
            elif len(payload) > MOST_CHARACTERS or len(running) >= MOST_COMMANDS:
                self._dropped_commands += 1
                logger.warning(
                    "mqtt: %s: dropped (%d so far): too long, or too many wait", safe(name), self._dropped_commands
                )
            else:
                work = self._commands.carry_out(name, payload.decode(errors="replace"))
                running.add(task := asyncio.get_running_loop().create_task(work, name=f"mqtt {safe(name)}"))
                task.add_done_callback(running.discard)

    def _failed(self, error: SpeakerError) -> None:
        if self.health.failed(error, time.monotonic()):
            logger.warning("%s", error)


async def _end(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks until they have ended.

    Until Python 3.12 asyncio.wait_for, which aiomqtt uses, loses a cancellation that comes with the broker's answer.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=FAREWELL_S)


def _import_aiomqtt() -> Any:
    import aiomqtt  # noqa: PLC0415 - see `_run`

    return aiomqtt
