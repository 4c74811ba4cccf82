"""What a speaker does when asked, and what it shows while nobody talks to it.

Everything that opens a conversation (button, control socket, and what else may come) goes through here.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from device_daemon import events as on
from device_daemon.audio import sounds
from device_daemon.audio.microphone import Microphone
from device_daemon.audio.speaker import Speaker
from device_daemon.config.settings import Config
from device_daemon.control import Refused
from device_daemon.conversation import ClientPort
from device_daemon.conversations import Conversations, Outlets, Wish
from device_daemon.errors import ClockNotSet, DeviceUnknown, ServiceUnreachable, SpeakerError
from device_daemon.leds.patterns import foremost
from device_daemon.logs import PRESSED, STATE_CHANGED, fields
from device_daemon.memory import Memory
from device_daemon.probe import Probe
from device_daemon.rules import Reason
from device_daemon.state import State, check_transition
from device_daemon.status import as_text

logger = logging.getLogger(__name__)

NOTICE_TICKET = 0
"""Dialogues count their own orders from 1; what is played between conversations answers to nobody."""
ANNOUNCEMENT_CHARACTERS = 1_000


def resting_state(*, muted: bool, failure: SpeakerError | None) -> State:
    """What the device shows while nobody talks to it: the first in the table of lights of what is so."""
    so = {State.MUTED} if muted else set()
    match failure:
        case None:
            pass
        case ClockNotSet():
            so.add(State.NO_CLOCK)
        case ServiceUnreachable():
            so.add(State.OFFLINE)
        case _:
            so.add(State.ERROR)
    return foremost(so)


class Host:
    """Lives as long as its config; all methods are called from the event loop's thread."""

    def __init__(self, config: Config, client: ClientPort, memory: Memory, show: Callable[[State], None]) -> None:
        self._config = config
        self._memory = memory
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._started_s = time.monotonic()
        self.state = State.STARTING
        self.speaker = Speaker(config.audio.speaker, loop=self._loop, on_event=self._speaker_event)
        outlets = Outlets(
            own_sound=self._own_sound,
            on_state=self._set_state,
            on_said=self._said,
            on_begin=self._conversation_begins,
            on_end=self._conversation_ends,
        )
        self._talks = Conversations(config, client, self.speaker, memory, outlets)
        self._probe = Probe(client, self._found)
        self._switch_off = False
        self._failure: SpeakerError | None = None  # of the last conversation, or of reaching the service
        self._speaker_failure: SpeakerError | None = None
        self._notices: set[asyncio.Task[None]] = set()

    # Life

    def start(self) -> None:
        """Take the speaker's card, show the resting state, and see in the background whether the service is there."""
        if (volume := self._memory.remembered.volume) is not None:
            self.speaker.volume = volume
        self.speaker.start()
        self._rest()
        self._probe.begin(at_once=True)

    async def finish_conversation(self, stopped: asyncio.Event) -> None:
        """Wait for the end of the conversation there is, or until `stopped`."""
        await self._talks.finish(stopped)

    def ailing(self) -> str:
        """What is wrong with the device, for the watchdog; "" for nothing."""
        return self._talks.ailing()

    async def close(self) -> None:
        """End what goes on and let go of both cards; every task is awaited."""
        await self._probe.close()
        await self._talks.close()
        for task in self._notices:
            task.cancel()
        if self._notices:
            await asyncio.wait(self._notices)
        await self.speaker.close()

    # Controls

    @property
    def volume(self) -> int:
        """Per cent."""
        return self.speaker.volume

    @property
    def muted(self) -> bool:
        """The microphone stays closed: by a person, or by the hardware switch."""
        return self._switch_off or self._memory.remembered.muted

    def press(self, pressed_s: float, greeting: str | None = None, trigger: str = "control socket") -> str:
        """A press opens a conversation, interrupts the speaker, or ends the conversation."""
        logger.info("pressed (%s)", trigger, extra=fields(PRESSED, TRIGGER=trigger))
        if talk := self._talks.current:
            talk.press()
            return f"ok: {self.state}"
        if self.muted:
            self._notice("muted")
            raise Refused("the microphone is muted; `mute off` or holding the button allows it again")
        return self._open(Wish(trigger, greeting or self._config.default_greeting, pressed_s))

    def hold(self) -> str:
        """Held for a second: mute, or unmute."""
        return self.mute(on=not self._memory.remembered.muted)

    def greet(self, name: str) -> str:
        """Open a conversation with the greeting of that name."""
        if name != "none" and name not in self._config.greetings:
            known = ", ".join([*self._config.greetings, "none"])
            raise Refused(f"there is no greeting {name!r} in the config; there are: {known}")
        self._refuse_if_talking()
        if self.muted:
            raise Refused("the microphone is muted; `mute off` allows it again")
        return self._open(Wish("control socket", name, self._loop.time()))

    def say(self, text: str) -> str:
        """Speak a text through the service, listen to nobody, and be done."""
        if len(text) > ANNOUNCEMENT_CHARACTERS:
            raise Refused(f"an announcement may have {ANNOUNCEMENT_CHARACTERS} characters; this one has {len(text)}")
        self._refuse_if_talking()
        return self._open(Wish("control socket", "none", self._loop.time(), announcement=text))

    def stop(self) -> str:
        """End the conversation, or cut a notice short."""
        if self._talks.stop(Reason.STOPPED):
            return "ok: stopped"
        self.speaker.flush(NOTICE_TICKET)
        return "ok: there was no conversation"

    def mute(self, *, on: bool) -> str:
        """Close the microphone until it is allowed again, also over restarts."""
        if self._switch_off and not on:
            raise Refused("the hardware switch keeps the microphone off; turn the switch")
        if self._memory.remembered.muted != on:
            self._memory.remembered.muted = on
            self._memory.save()
            self._muted_changed()
        return f"ok: {'muted' if on else 'not muted'}"

    def switch(self, *, off: bool) -> None:
        """The hardware switch was turned; it wins over everything."""
        before = self.muted
        self._switch_off = off
        if before != self.muted:
            self._muted_changed()

    def set_volume(self, percent: int) -> str:
        """Set the volume, and keep it for the next start."""
        self.speaker.volume = percent
        self._memory.remembered.volume = percent
        self._memory.save()
        return f"ok: volume {percent}"

    def _muted_changed(self) -> None:
        logger.info("microphone %s", "muted" if self.muted else "allowed again")
        if self.muted:
            self._talks.stop(Reason.MUTED)
        self._rest()
        self._play_own("muted" if self.muted else "unmuted")

    def _refuse_if_talking(self) -> None:
        if self._talks.open:
            raise Refused(f"busy: a conversation is open ({self.state}); `stop` ends it")

    def _open(self, wish: Wish) -> str:
        self._talks.begin(wish)
        return f"ok: {'announcing' if wish.announcement else 'opening a conversation'}"

    # What happens

    def _conversation_begins(self) -> None:
        self._probe.stop()
        self._failure = None  # what went wrong before is tried anew
        self.speaker.flush(NOTICE_TICKET)  # a notice of the time before must not talk into the greeting

    def _conversation_ends(self, failure: SpeakerError | None) -> None:
        self._failure = failure
        self._rest(over=True)
        if failure and failure.notice:
            self._notice(failure.notice)
        if isinstance(failure, ServiceUnreachable):
            self._probe.begin(at_once=False)

    def _found(self, failure: SpeakerError | None) -> None:
        """What the probe learned; each thing is said once."""
        if failure and type(failure) is not type(self._failure):
            logger.warning("%s", failure)
        if failure is None and self._failure:
            logger.info("the service can be reached again")
        self._failure = failure
        self._rest()

    def _speaker_event(self, event: on.SpeakerEvent) -> None:
        if isinstance(event, on.SpeakerFailed):
            self._speaker_failure = event.error
        elif isinstance(event, on.SpeakerRecovered):
            self._speaker_failure = None
            if isinstance(self._failure, DeviceUnknown):
                self._failure = None  # it ended the last conversation; a microphone on the same card is back, too
        self._talks.speaker_event(event)
        self._rest()

    def _said(self, role: str, text: str) -> None:
        if self._config.privacy.log_transcripts:
            logger.info("%s: %s", role, text)

    # States and sounds

    @property
    def failure(self) -> SpeakerError | None:
        """What is wrong now, as far as known."""
        return self._speaker_failure or self._failure

    def _rest(self, *, over: bool = False) -> None:
        """Show the resting state, unless a conversation shows its own."""
        if over or not self._talks.open:
            self._set_state(resting_state(muted=self.muted, failure=self.failure))

    def _set_state(self, state: State) -> None:
        if state is self.state:
            return
        check_transition(self.state, state)
        number = self._talks.measures.conversations
        logger.info("%s -> %s", self.state, state, extra=fields(STATE_CHANGED, STATE=state, CONVERSATION=number))
        self.state = state
        self._show(state)

    def _own_sound(self, name: str) -> tuple[bytes, float]:
        return sounds.earcon(name), self._config.sounds.volume / 100

    def _play_own(self, name: str) -> None:
        pcm, gain = self._own_sound(name)
        self.speaker.play(f"sound:{name}", pcm, NOTICE_TICKET, gain=gain)

    def _notice(self, name: str) -> None:
        """A spoken notice while no conversation is open: a press is never answered with silence."""

        async def play() -> None:
            pcm = await sounds.notice(name)
            if self._talks.current is None:
                self.speaker.play(f"notice:{name}", pcm, NOTICE_TICKET, gain=self._config.sounds.volume / 100)

        if self._config.sounds.notices:
            task = self._loop.create_task(play(), name="notice")
            self._notices.add(task)
            task.add_done_callback(self._notices.discard)
        elif self._config.sounds.error:
            self._play_own("error")

    # Status

    def status(self) -> dict[str, Any]:
        """Everything that is known, for machines."""
        microphone = self._talks.microphone
        return {
            "state": str(self.state),
            "failure": str(self.failure) if self.failure else None,
            "muted": self.muted,
            "volume": self.volume,
            "up_s": round(time.monotonic() - self._started_s, 1),
            "conversation": self._talks.status(),
            "last_conversation": self._talks.last,
            "microphone": _card(microphone),
            "speaker": _card(self.speaker),
            "levels_dbfs": {
                "microphone": round(microphone.level_dbfs(), 1),
                "speaker": round(self.speaker.level_dbfs(), 1),
            },
            "measures": self._talks.measures.as_dict(),
        }

    def status_text(self) -> str:
        """The same in short, for people."""
        return as_text(self.status())


def _card(card: Microphone | Speaker) -> dict[str, Any]:
    counters = card.counters
    return {name: getattr(counters, name) for name in counters.__slots__} | {
        "negotiated": str(card.negotiated) if card.negotiated else None
    }
