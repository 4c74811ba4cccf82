"""The device controller: builds the parts of the speaker, and says what follows for the others when something happens to one."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from msgspec.structs import asdict

from device_daemon.audio.echo.control import EchoControl
from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Config
from device_daemon.conversation import events as on
from device_daemon.conversation.conversations import Conversations
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.ports import ClientPort, DeviceCallbacks
from device_daemon.device import events as report
from device_daemon.device.device_state import DeviceState
from device_daemon.device.event_stream import EventStream
from device_daemon.device.health_report import HealthReport
from device_daemon.device.mute import MuteControl
from device_daemon.device.notices import Notices
from device_daemon.device.ringer import Ringer
from device_daemon.device.service_monitor import ServiceMonitor
from device_daemon.device.status import card_status
from device_daemon.device.usage_limits import UsageLimits
from device_daemon.device.volume import VolumeControl
from device_daemon.device.word_engines import WordEngines
from device_daemon.errors import LimitReached, SpeakerError
from device_daemon.greetings.cache import GreetingCache
from device_daemon.greetings.resolver import GreetingResolver
from device_daemon.language.language import language_for
from device_daemon.state import State
from device_daemon.system.foreign_text import safe
from device_daemon.system.saved_state import SavedState
from device_daemon.timers.schedule import Change
from device_daemon.timers.timers import Timers
from device_daemon.tools.toolbox import Called, Outcome, Toolbox

logger = logging.getLogger(__name__)

SILENT_DBFS = -96.0
"""The speaker's level while nothing is heard."""
PREPARE_NOTICES_AFTER_S = 1.0
"""Into a conversation: its greeting comes first, and nobody waits for three seconds before."""


class Controller:
    """Lives as long as its config; all methods are called from the event loop's thread."""

    def __init__(
        self,
        config: Config,
        client: ClientPort,
        saved_state: SavedState,
        greeting_cache: GreetingCache,
        show: Callable[[State], None],
        *,
        echo: EchoControl,
        timers: Timers,
        tools: Toolbox,
    ) -> None:
        self.events = EventStream()
        self.echo = echo
        self.timers = timers
        self.mute = MuteControl(saved_state, self._muted_changed)
        tools.on_called = self._tool_called
        self._tool_calls: Counter[Outcome] = Counter()
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._started_s = time.monotonic()
        self.speaker = Speaker(
            config.audio.speaker, loop=self._loop, on_event=self._speaker_event, reference=echo.track
        )
        self.notices = Notices(
            config.sounds, language_for(config.language), self.speaker, lambda: self.conversations.current is None
        )
        self.volume = VolumeControl(self.speaker, saved_state, self.events, config.audio.speaker.volume)
        self._router = MicrophoneRouter(
            config.audio.microphone,
            on_failure=self._microphone_failed,
            on_recovery=self._microphone_recovered,
            process=echo.process,
        )
        self._greeting_cache = greeting_cache
        resolver = GreetingResolver(config, saved_state, greeting_cache, echo=echo)
        self._service = ServiceMonitor(config, client, greeting_cache, resolver, self._service_attempted)
        self.conversations = Conversations(
            config,
            client=self._service.client,
            speaker=self.speaker,
            microphone=self._router,
            saved_state=saved_state,
            greetings=resolver,
            echo=echo,
            callbacks=DeviceCallbacks(
                own_sound=self.notices.own_sound,
                notice=self.notices.notice,
                on_state=self._conversation_state,
                on_transcript=self._said,
                call_tool=lambda assistant, name, given: tools.call(name, given, config.tools_of(assistant)),
                on_begin=self._conversation_begins,
                on_greeting_heard=self._greeting_heard,
                on_end=self._conversation_ends,
                news=timers.news,
                on_news_told=timers.forget_missed,
                keeps_microphone_open=self._microphone_stays_open,
            ),
        )
        self._ringer = Ringer(
            self.speaker, self.conversations, lambda: timers.ringing, config.timers.volume, loop=self._loop
        )
        timers.on_changes = self._timers_changed
        self._usage = UsageLimits(config.limits, saved_state)
        self.words = WordEngines(self._router, self._rest)
        self.health = HealthReport(
            [
                *(self.speaker.health, self._router.microphone.health),
                *(self._service.clock, self._service.service),
                *(self.words.health, saved_state.health, greeting_cache.health),
            ],
            self.events.publish,
        )
        self._state = DeviceState(
            router=self._router,
            words=self.words,
            mute=self.mute,
            health=self.health,
            timers=timers,
            conversations=self.conversations,
            events=self.events,
            show=show,
        )

    # Life

    def start(self) -> None:
        """Open the speaker's card, show the resting state, and check in the background whether the service can be reached."""
        self.volume.restore()
        self.speaker.start()
        self._rest()
        self._service.start()
        self.health.start()
        self.timers.start()

    async def finish_conversation(self, stopped: asyncio.Event) -> None:
        """Wait for the end of the current conversation, or until `stopped`."""
        await self.conversations.finish(stopped)

    def unresponsive(self) -> str:
        """Return which thread hangs, for the watchdog; "" for none."""
        return self._router.unresponsive() or self.words.unresponsive()

    async def close(self) -> None:
        """End the conversation, close both cards, and close the connections to the service politely; all at once."""
        self.timers.close()
        self._ringer.close()
        self.conversations.stop(EndReason.STOPPED)
        await asyncio.gather(
            self._close_devices(),
            self.conversations.close(),
            self._service.close(),
            self.health.close(),
        )

    async def _close_devices(self) -> None:
        """Close the cards as soon as the conversation is over; its connection may take longer to close."""
        await self.conversations.finish(asyncio.Event())
        await self._router.close()
        await self.words.close()
        await self.notices.close()
        await self._state.close()
        await self.speaker.close()

    @property
    def sounds(self) -> bool:
        """Something is heard, or rings."""
        return self.timers.ringing or self.speaker.queued_ms > 0 or self.speaker.level_dbfs() > SILENT_DBFS

    @property
    def muted(self) -> bool:
        """The microphone stays closed: by a person, or by the hardware switch."""
        return self.mute.on

    def _muted_changed(self) -> None:
        if self.muted:
            self.conversations.stop(EndReason.MUTED)
            self.conversations.forget()
        self._rest()
        self.notices.play("muted" if self.muted else "unmuted")
        self.events.publish(report.MuteChanged(muted=self.muted))

    # Events

    def _conversation_begins(self, trigger: str) -> None:
        self.events.publish(report.ConversationStarted(conversation=self.conversations.number, trigger=trigger))
        self._usage.began()
        self._service.conversation_begins()
        self.notices.stop()  # an earlier notice must not talk into the greeting
        self.notices.prepare(PREPARE_NOTICES_AFTER_S)
        self._ringer.update()

    def _conversation_state(self, state: State) -> None:
        self._state.enter(state)
        if state is State.SPEAKING:
            self._service.report(None)  # the service answers

    def _microphone_stays_open(self, failure: SpeakerError | None) -> bool:
        return self._state.keeps_microphone_open(failure)

    def _greeting_heard(self, after_ms: float) -> None:
        number = self.conversations.number
        self.events.publish(report.GreetingHeard(conversation=number, press_to_greeting_ms=round(after_ms, 1)))

    def _conversation_ends(self, failure: SpeakerError | None, person_waits: bool) -> None:
        last = self.conversations.last
        assert last is not None  # noqa: S101 - it has just ended
        ended = report.conversation_ended(self.conversations.number, last)
        self.events.publish(ended)
        self._usage.ended(ended.duration_s)
        if failure:
            self._service.report(failure)
        self._rest()
        self._ringer.update()
        if failure and failure.notice and person_waits:
            self.notices.say(failure.notice)
        self._service.conversation_ended(failure)

    def _timers_changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.events.publish(report.timer_event(change, self.timers.due_at(change.entry)))
        self._ringer.update()
        self._rest()

    def _tool_called(self, called: Called) -> None:
        number = self.conversations.number
        self._tool_calls[called.outcome] += 1
        self.events.publish(report.ToolDone(conversation=number, **asdict(called)))

    def _service_attempted(self) -> None:
        self._rest()
        self.notices.prepare()

    def _speaker_event(self, event: on.SpeakerEvent) -> None:
        self.conversations.speaker_event(event)
        if isinstance(event, on.SpeakerFailed | on.SpeakerRecovered):
            self._rest()

    def _microphone_failed(self, error: SpeakerError) -> None:
        if self.conversations.current:
            self.conversations.microphone_failed(error)
        self._rest()

    def _microphone_recovered(self) -> None:
        self.conversations.microphone_recovered()
        self._rest()

    def _said(self, role: str, text: str) -> None:
        if self._config.privacy.log_transcripts:
            logger.info("%s: %s", role, safe(text))

    # States

    @property
    def clock_is_set(self) -> bool:
        """The time of day can be believed."""
        return self._service.clock.ok

    def obstacle(self, *, listens: bool) -> SpeakerError | None:
        """Return the failure of a device without which a conversation makes no sense; an announcement needs no microphone."""
        return (
            self.speaker.health.failure
            or (self._router.microphone.health.failure if listens else None)
            or self.limit_reached()
        )

    def limit_reached(self) -> LimitReached | None:
        """Return which limit of use keeps a conversation from beginning now."""
        return self._usage.reached()

    @property
    def state(self) -> State:
        """What the light shows."""
        return self._state.current

    @property
    def readiness(self) -> State:
        """The state between conversations, as far as it matters to a request to talk."""
        return self._state.readiness

    def health_changed(self) -> None:
        """A part that belongs to somebody else failed or works again (`health.add`)."""
        self._rest()

    def state_event(self) -> report.Event:
        """Return the state as it is now, for somebody who begins to read the events."""
        return self._state.event()

    def _rest(self) -> None:
        self._state.rest()

    def level_dbfs(self) -> float:
        """Return the level of the voice that the state is about, for the lights: the speaker's, or the person's."""
        speaks = self.state in (State.GREETING, State.SPEAKING)
        return self.speaker.level_dbfs() if speaks else self._router.microphone.level_dbfs()

    # Status

    def status(self) -> dict[str, Any]:
        """Everything that is known, for machines."""
        microphone = self._router.microphone
        return {
            "state": str(self.state),
            "failure": self.health.reason,
            "health": self.health.as_dict(self._loop.time()),
            "muted": self.muted,
            "volume": self.volume.percent,
            "up_s": round(time.monotonic() - self._started_s, 1),
            "conversation": self.conversations.status(),
            "last_conversation": self.conversations.last,
            "conversations_today": self._usage.held_today(),
            "microphone": card_status(microphone),
            "speaker": card_status(self.speaker),
            "echo": asdict(self.echo.choice()),
            "timers": self.timers.status(),
            "tools": dict(self._tool_calls),
            "levels_dbfs": {
                "microphone": round(microphone.level_dbfs(), 1),
                "speaker": round(self.speaker.level_dbfs(), 1),
            },
            "remembered_greetings": asdict(self._greeting_cache.counters),
            "measures": self.conversations.metrics.as_dict(),
        }
