"""The device controller: its state, the microphone between conversations, mute, and what follows from failures."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from msgspec.structs import asdict

from device_daemon.audio.echo.control import EchoControl
from device_daemon.audio.microphone import Microphone
from device_daemon.audio.microphone_router import MicrophoneRouter
from device_daemon.audio.period import Period
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Config
from device_daemon.conversation import events as on
from device_daemon.conversation.budget import Budget
from device_daemon.conversation.manager import ConversationManager, ManagerCallbacks
from device_daemon.conversation.policy import EndReason
from device_daemon.conversation.ports import ClientPort
from device_daemon.device import events as report
from device_daemon.device.event_stream import EventStream, local_time
from device_daemon.device.events import timer_event
from device_daemon.device.notices import Notices
from device_daemon.device.reminder import Reminder
from device_daemon.device.ringer import Ringer
from device_daemon.errors import ClockNotSet, DeviceUnknown, LimitReached, ServiceUnreachable, SpeakerError
from device_daemon.greetings.cache import GreetingCache
from device_daemon.greetings.resolver import GreetingResolver
from device_daemon.health import Health, Part
from device_daemon.language.language import language_for
from device_daemon.leds.patterns import foremost
from device_daemon.state import State, check_transition
from device_daemon.system.foreign_text import safe
from device_daemon.system.logs import STATE_CHANGED, fields
from device_daemon.system.saved_state import SavedState
from device_daemon.timers.schedule import Change
from device_daemon.timers.timers import Timers
from device_daemon.tools.toolbox import Called, Outcome, Toolbox
from device_daemon.voicelive.greeting_prefetch import GreetingPrefetch
from device_daemon.voicelive.quota import QuotaClient, TokenBucket, connections_per_minute
from device_daemon.voicelive.reachability import Reachability
from device_daemon.voicelive.warm_session import WarmSession

logger = logging.getLogger(__name__)

_OPTIONAL_PARTS: Final = frozenset({Part.DISK, Part.GREETING_CACHE, Part.MCP, Part.MQTT})
"""The speaker talks and listens without them: `status` and the journal report them, the light does not."""
_TRIGGERS: Final = frozenset({Part.WAKE_WORDS, Part.PINS})
SILENT_DBFS = -96.0
"""The speaker's level while nothing is heard."""
PREPARE_NOTICES_AFTER_S = 1.0
"""Into a conversation: its greeting comes first, and nobody waits for three seconds before."""


class StopWordPort(Protocol):
    """The part of triggers.stop_word.StopWord that the controller needs."""

    def put(self, periods: list[Period]) -> None:
        """Take the next periods of the microphone."""

    def unresponsive(self) -> str:
        """Return what is wrong with the engine's thread, "" for nothing."""

    async def close(self) -> None:
        """End the engine and its thread."""


class WakeWordsPort(Protocol):
    """The part of triggers.wakeword.WakeWords that the controller needs."""

    def put(self, periods: list[Period]) -> None:
        """Take the next periods of the microphone."""

    def reset(self) -> None:
        """The stream has a gap: the next period does not follow the last one."""

    def unresponsive(self) -> str:
        """Return what is wrong with the engine's thread, "" for nothing."""

    async def close(self) -> None:
        """End the engine and its thread."""


def resting_state(*, muted: bool, failures: Iterable[SpeakerError], wake_words: bool = False) -> State:
    """Return the state between conversations: of all that apply, the one with the highest priority in the lights' table."""
    apply = {State.MUTED} if muted else set()
    if wake_words:
        apply.add(State.WAKE_WORD)
    for failure in failures:
        match failure:
            case ClockNotSet():
                apply.add(State.NO_CLOCK)
            case ServiceUnreachable():
                apply.add(State.OFFLINE)
            case _:
                apply.add(State.ERROR)
    return foremost(apply)


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
        tools.on_called = self._tool_called
        self._tool_calls: Counter[Outcome] = Counter()
        self._config = config
        self._saved_state = saved_state
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._started_s = time.monotonic()
        self.state = State.STARTING
        self.speaker = Speaker(
            config.audio.speaker, loop=self._loop, on_event=self._speaker_event, reference=echo.track
        )
        self.notices = Notices(
            config.sounds, language_for(config.language), self.speaker, lambda: self.conversations.current is None
        )
        self._router = MicrophoneRouter(
            config.audio.microphone,
            on_failure=self._microphone_failed,
            on_recovery=self._microphone_recovered,
            process=echo.process,
        )
        self._greeting_cache = greeting_cache
        resolver = GreetingResolver(config, saved_state, greeting_cache, echo=echo)
        service = QuotaClient(client, TokenBucket(connections_per_minute(config.service)))
        self._warm_session = WarmSession(
            service, config.service.standby, assistant=config.default_assistant, background=service.background
        )
        self._reachability = Reachability(service.background, self._reachability_changed)
        self._prefetch = GreetingPrefetch(service.background, greeting_cache, resolver.wanted)
        self.conversations = ConversationManager(
            config,
            client=self._warm_session,
            speaker=self.speaker,
            microphone=self._router,
            saved_state=saved_state,
            greetings=resolver,
            echo=echo,
            callbacks=ManagerCallbacks(
                own_sound=self.notices.own_sound,
                notice=self.notices.notice,
                on_state=self._set_state,
                on_transcript=self._said,
                call_tool=lambda assistant, name, given: tools.call(name, given, config.tools_of(assistant)),
                on_begin=self._conversation_begins,
                on_greeting_heard=self._greeting_heard,
                on_end=self._conversation_ends,
                news=timers.news,
                on_news_told=timers.forget_missed,
                keeps_microphone_open=self._microphone_wanted,
            ),
        )
        self._ringer = Ringer(
            self.speaker, self.conversations, lambda: timers.ringing, config.timers.volume, loop=self._loop
        )
        timers.on_changes = self._timers_changed
        self._budget = Budget(config.limits, saved_state.remembered.usage)
        self._switch_off = False
        self._wake_words: WakeWordsPort | None = None
        self._stop_word: StopWordPort | None = None
        self._wake_words_health = Health(Part.WAKE_WORDS)
        self._other_parts: list[Health] = []
        self._logged_failure: SpeakerError | None = None
        self._reported_health: dict[Part, str | None] = {}
        self._reminder = Reminder(self.health)
        self._tasks: set[asyncio.Future[None]] = set()

    # Life

    def start(self) -> None:
        """Open the speaker's card, show the resting state, and check in the background whether the service can be reached."""
        if (volume := self._saved_state.remembered.volume) is not None:
            self.speaker.volume = volume
            if volume != (configured := self._config.audio.speaker.volume):
                logger.info(
                    "volume %d, as the `volume` command set it last; audio.speaker.volume: %d of the config has not counted"
                    " since: `voicelive-speaker volume %d` sets it",
                    volume,
                    configured,
                    configured,
                )
        self.speaker.start()
        self._show_resting_state()
        self._reachability.begin(at_once=True)
        self._reminder.start()
        self.timers.start()

    async def finish_conversation(self, stopped: asyncio.Event) -> None:
        """Wait for the end of the current conversation, or until `stopped`."""
        await self.conversations.finish(stopped)

    def unresponsive(self) -> str:
        """Return which thread hangs, for the watchdog; "" for none."""
        asked = [self._router.unresponsive]
        asked += [engine.unresponsive for engine in (self._wake_words, self._stop_word) if engine is not None]
        return next(filter(None, (ask() for ask in asked)), "")

    async def close(self) -> None:
        """End the conversation, close both cards, and close the connections to the service politely; all at once."""
        self.timers.close()
        self._ringer.close()
        self.conversations.stop(EndReason.STOPPED)
        await asyncio.gather(
            self._close_devices(),
            self.conversations.close(),
            self._reachability.close(),
            self._prefetch.close(),
            self._warm_session.close(),
            self._reminder.close(),
        )

    async def _close_devices(self) -> None:
        """Close the cards as soon as the conversation is over; its connection may take longer to close."""
        await self.conversations.finish(asyncio.Event())
        await self._router.close()
        for engine in (self._wake_words, self._stop_word):
            if engine is not None:
                await engine.close()
        await self.notices.close()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.speaker.close()

    # Wake words

    def add_wake_words(self, wake_words: WakeWordsPort) -> None:
        """From now on the microphone is open at rest, for the wake words alone."""
        self._wake_words = wake_words
        self._router.words, self._router.on_gap = wake_words.put, wake_words.reset
        self._show_resting_state()

    def wake_words_failed(self, error: SpeakerError) -> None:
        """Take the failure of the wake word engine: no word will be heard until the speaker is restarted."""
        self._router.words = None
        self._wake_words_health.failed(error, self._loop.time())
        self._show_resting_state()

    def add_stop_word(self, stop_word: StopWordPort) -> None:
        """From now on the stop word is listened for wherever the microphone is open and something sounds."""
        self._stop_word, self._router.stop_word = stop_word, stop_word.put

    def stop_word_failed(self, error: SpeakerError) -> None:
        """Take the failure of its engine: the stop word will not be heard until the speaker is restarted."""
        self._router.stop_word = None
        self._wake_words_health.failed(error, self._loop.time())
        self._show_resting_state()

    @property
    def sounds(self) -> bool:
        """Something is heard, or rings."""
        return self.timers.ringing or self.speaker.queued_ms > 0 or self.speaker.level_dbfs() > SILENT_DBFS

    # Mute

    @property
    def muted(self) -> bool:
        """The microphone stays closed: by a person, or by the hardware switch."""
        return self._switch_off or self._saved_state.remembered.muted

    @property
    def switched_off(self) -> bool:
        """The hardware switch keeps the microphone off, whatever else is wanted."""
        return self._switch_off

    def mute(self, *, on: bool) -> None:
        """Close the microphone until it is allowed again, also over restarts."""
        if self._saved_state.remembered.muted != on:
            before = self.muted
            self._saved_state.remembered.muted = on
            self._saved_state.save()
            self._muted_changed(before)

    def set_switch(self, *, off: bool) -> None:
        """The hardware switch was turned; it wins over every other setting."""
        before = self.muted
        self._switch_off = off
        self._muted_changed(before)

    def _muted_changed(self, before: bool) -> None:
        if before == self.muted:
            return
        logger.info("microphone %s", "muted" if self.muted else "allowed again")
        if self.muted:
            self.conversations.stop(EndReason.MUTED)
            self.conversations.forget()
        self._show_resting_state()
        self.notices.play("muted" if self.muted else "unmuted")
        self.events.publish(report.MuteChanged(muted=self.muted))

    # Events

    def _conversation_begins(self, trigger: str) -> None:
        self.events.publish(report.ConversationStarted(conversation=self.conversations.number, trigger=trigger))
        self._budget.began(local_time())
        self._save_usage()
        self._reachability.stop()
        self._prefetch.stop()
        self.notices.stop()  # an earlier notice must not talk into the greeting
        self.notices.prepare(PREPARE_NOTICES_AFTER_S)
        self._ringer.update()

    def _greeting_heard(self, after_ms: float) -> None:
        number = self.conversations.number
        self.events.publish(report.GreetingHeard(conversation=number, press_to_greeting_ms=round(after_ms, 1)))

    def _conversation_ends(self, failure: SpeakerError | None, person_waits: bool) -> None:
        ended = self._ended_event()
        self.events.publish(ended)
        self._budget.ended(local_time(), ended.duration_s)
        self._save_usage()
        if failure:
            self._reachability.report(failure)
        self._show_resting_state()
        self._ringer.update()
        if failure and failure.notice and person_waits:
            self.notices.say(failure.notice)
        if isinstance(failure, ServiceUnreachable):
            self._reachability.begin(at_once=False)
        elif self._reachability.failure:
            self._reachability.begin(at_once=True)
        elif failure is None:
            self._prefetch.begin()
            self._warm_session.conversation_ended()

    def _ended_event(self) -> report.ConversationEnded:
        last = self.conversations.last
        assert last is not None  # noqa: S101 - one has just ended
        names = ("trigger", "greeting", "failure", "duration_s", "press_to_greeting_ms")
        known = {name: last[name] for name in names}
        return report.ConversationEnded(
            conversation=self.conversations.number, reason=EndReason(last["ended"]), **known
        )

    def _timers_changed(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.events.publish(timer_event(change, self.timers.due_at(change.entry)))
        self._ringer.update()
        self._show_resting_state()

    def _tool_called(self, called: Called) -> None:
        number = self.conversations.number
        self._tool_calls[called.outcome] += 1
        self.events.publish(report.ToolDone(conversation=number, **asdict(called)))

    def _reachability_changed(self, failure: SpeakerError | None) -> None:
        """Take the outcome of a connection attempt; each outcome is logged once."""
        if failure and type(failure) is not type(self._logged_failure):
            logger.warning("%s", failure)
        if failure is None and self._logged_failure:
            logger.info("the service can be reached again")
        self._logged_failure = failure
        self._show_resting_state()
        self.notices.prepare()
        if failure is None:
            self._prefetch.begin()
            self._warm_session.begin()

    def _speaker_event(self, event: on.SpeakerEvent) -> None:
        self.conversations.speaker_event(event)
        if isinstance(event, on.SpeakerFailed | on.SpeakerRecovered):
            self._show_resting_state()

    def _microphone_failed(self, error: SpeakerError) -> None:
        if self.conversations.current:
            self.conversations.microphone_failed(error)
        self._show_resting_state()

    def _microphone_recovered(self) -> None:
        self.conversations.microphone_recovered()
        self._show_resting_state()

    def _said(self, role: str, text: str) -> None:
        if self._config.privacy.log_transcripts:
            logger.info("%s: %s", role, safe(text))

    # States

    @property
    def failure(self) -> SpeakerError | None:
        """The failure that is most important now, None while all parts work."""
        return next(iter(self._failures()), None)

    def health(self) -> list[Health]:
        """The health of each part, the most important one first."""
        return [
            self.speaker.health,
            self._router.microphone.health,
            self._reachability.clock,
            self._reachability.service,
            self._wake_words_health,
            self._saved_state.health,
            self._greeting_cache.health,
            *self._other_parts,
        ]

    def add_health(self, health: Health) -> None:
        """Let `status` and the light report the health of a part that belongs to somebody else."""
        self._other_parts.append(health)

    def health_changed(self) -> None:
        """Such a part failed or works again."""
        self._show_resting_state()

    @property
    def clock_is_set(self) -> bool:
        """The time of day can be believed."""
        return self._reachability.clock.ok

    def obstacle(self, *, listens: bool) -> SpeakerError | None:
        """Return the failure of a device without which a conversation makes no sense; an announcement needs no microphone."""
        return (
            self.speaker.health.failure
            or (self._router.microphone.health.failure if listens else None)
            or self.limit_reached()
        )

    def _save_usage(self) -> None:
        if self._budget.counts:
            self._saved_state.save()

    def limit_reached(self) -> LimitReached | None:
        """Return which limit of use keeps a conversation from beginning now."""
        return self._budget.refusal(local_time())

    def _failures(self, besides: frozenset[Part] = frozenset()) -> list[SpeakerError]:
        """What keeps the speaker from being asked, talking and listening; those of some parts may be left out."""
        ignored = _OPTIONAL_PARTS | besides
        return [part.failure for part in self.health() if part.failure and part.part not in ignored]

    @property
    def resting(self) -> State:
        """The state between conversations, as it is now."""
        if self.timers.ringing:
            return State.RINGING  # whatever else is true: it has the highest priority in the lights' table
        listens = self._router.words is not None
        # While the microphone is open the light has to say so, whatever becomes of a button.
        failures = self._failures(besides=frozenset({Part.PINS})) if listens else self._failures()
        return resting_state(muted=self.muted, failures=failures, wake_words=listens)

    @property
    def readiness(self) -> State:
        """The same for a request to talk: what it came by works, whatever becomes of other triggers."""
        return resting_state(muted=self.muted, failures=self._failures(besides=_TRIGGERS))

    def _microphone_wanted(self, failure: SpeakerError | None) -> bool:
        """Whether the microphone must be open at rest: for the wake words, unless the light cannot say so.

        One that failed is opened again and again: nothing else would ever bring it back.
        """
        if self._router.words is None or self.muted or not self.speaker.health.ok or self._reachability.failure:
            return False
        return failure is None or isinstance(failure, DeviceUnknown)

    def _reason(self) -> str | None:
        return str(self.failure) if self.failure else None

    def state_event(self) -> report.Event:
        """Return the state as it is now, for somebody who begins to read the events."""
        now = report.StateChanged(state=self.state, before=self.state, failure=self._reason())
        return self.events.dated(now)

    def _report_health(self) -> None:
        """Publish which parts failed or recovered since the last time."""
        for health in self.health():
            if self._reported_health.get(health.part) != health.reason:
                self._reported_health[health.part] = health.reason
                self.events.publish(report.HealthChanged(part=health.part, ok=health.ok, reason=health.reason))

    def _show_resting_state(self) -> None:
        """Show the resting state, unless a conversation shows its own; the light says so before the microphone opens."""
        self._report_health()
        if self.conversations.open:
            return
        wanted = self._microphone_wanted(None)
        if self._router.open and not wanted:
            self._close_microphone_first(self._router.close())
            return
        self._set_state(self.resting)
        if wanted:
            self._router.listen()
        elif not self._router.microphone.health.ok and not self.muted:
            self._router.microphone.look_for()

    def _close_microphone_first(self, closing: Awaitable[None]) -> None:
        """Close the microphone before the light says that it is closed."""

        async def close() -> None:
            await closing
            self._show_resting_state()

        task = self._loop.create_task(close(), name="microphone closes")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _set_state(self, state: State) -> None:
        if state is self.state:
            return
        check_transition(self.state, state)
        journal = fields(STATE_CHANGED, STATE=state, CONVERSATION=self.conversations.number)
        logger.info("%s -> %s", self.state, state, extra=journal)
        before, self.state = self.state, state
        self._show(state)
        self.events.publish(report.StateChanged(state=state, before=before, failure=self._reason()))
        if state is State.SPEAKING:
            self._reachability.report(None)  # the service answers

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
            "failure": self._reason(),
            "health": {part.part: part.as_dict(self._loop.time()) for part in self.health()},
            "muted": self.muted,
            "volume": self.speaker.volume,
            "up_s": round(time.monotonic() - self._started_s, 1),
            "conversation": self.conversations.status(),
            "last_conversation": self.conversations.last,
            "conversations_today": self._budget.held_today(local_time()),
            "microphone": _card(microphone),
            "speaker": _card(self.speaker),
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


def _card(card: Microphone | Speaker) -> dict[str, Any]:
    counters = card.counters
    return {name: getattr(counters, name) for name in counters.__struct_fields__} | {
        "negotiated": str(card.negotiated) if card.negotiated else None
    }
