"""The questions of a set-up, in order. Each one tries what was answered: a session, a chirp, a press, a blink.

An answer that the config would refuse is asked for again, with the reason. Where a part is missing, such as GPIO or a
sound card, the question says so and the next one follows.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from msgspec import UNSET, Struct, structs

from device_daemon.audio.alsa.devices import list_devices
from device_daemon.audio.alsa.stream import Direction
from device_daemon.config.reader import read
from device_daemon.config.settings import Config
from device_daemon.doctor import gpio_checks, network
from device_daemon.doctor.findings import Finding, Status, as_text
from device_daemon.doctor.remedies import remedy_for
from device_daemon.doctor.runner import Check, CheckRunner, in_thread
from device_daemon.doctor.sound import SoundChecks
from device_daemon.errors import ConfigError, PinUnusable, SpeakerError
from device_daemon.language.language import language_for
from device_daemon.language.locales import LOCALES
from device_daemon.localservice.child import LocalClient
from device_daemon.setup import options
from device_daemon.setup.answers import Answers, edited, from_board
from device_daemon.setup.pins import pressed_pin
from device_daemon.setup.prompts import Prompts
from device_daemon.system import paths
from device_daemon.triggers.wakeword_models import installed_words
from device_daemon.voicelive.client import Client
from device_daemon.voicelive.credentials import Credential, Key, credential_for
from device_daemon.voicelive.entra import sign_in_by_code

_CHECK_S: Final = 600.0
"""Longer than a person takes to answer."""
_WIDTH: Final = 100
_LIGHTS: Final = (
    (options.NONE, "none", ""),
    ("led", "an LED, on or off", "GPIO number (BCM) of the LED"),
    ("pwm-led", "an LED that can be dimmed", "GPIO number (BCM) of the LED"),
    ("rgb-led", "an RGB LED", "GPIO numbers (BCM) of red,green,blue"),
    ("apa102", "a strip of APA102 LEDs on SPI", "how many LEDs"),
)
Value = TypeVar("Value")

_WHERE_ENDPOINT: Final = (
    "the address of your Azure resource, such as https://NAME.services.ai.azure.com: in the Azure portal it is on the page"
    " of the resource, under Keys and Endpoint"
)


class Question(Struct, frozen=True):
    """One step: its name in the menu, what it asks, and the fields of `Answers` that it is about."""

    name: str
    ask: Callable[[], Awaitable[Answers]]
    fields: frozenset[str]


class Interview:
    """Asks a person.

    Args:
        prompts: Who answers.
        path: The config file.
        text: Its text.
        answers: What is answered already, by options.
        key: The API key, "" if there is none yet.
        busy: Whether a running speaker uses sound cards and pins: then they are not tried.
        sign_in: Signs in as a person; given by tests.
    """

    def __init__(
        self,
        prompts: Prompts,
        path: Path,
        text: str,
        answers: Answers,
        *,
        key: str = "",
        busy: bool = False,
        sign_in: Callable[..., Awaitable[str]] = sign_in_by_code,
    ) -> None:
        self._prompts = prompts
        self._path = path
        self._text = text
        self._busy = busy
        self._sign_in_by_code = sign_in
        self._environment = {**os.environ, "STATE_DIRECTORY": str(paths.folders_of(path, os.environ).state)}
        self.answers = answers
        self.key = key
        given = {name for name, value in structs.asdict(answers).items() if value is not UNSET}
        self.questions: Sequence[Question] = [
            question
            for question in (
                Question("voice service", self._service, frozenset({"endpoint"})),
                Question("language", self._language, frozenset({"language"})),
                Question("board", self._board, frozenset({"microphone", "speaker"})),
                Question("loudspeaker", self._loudspeaker, frozenset({"speaker"})),
                Question("microphone", self._microphone, frozenset({"microphone"})),
                Question("button", self._button, frozenset({"button"})),
                Question("light", self._light, frozenset({"light"})),
                Question("name and greeting", self._greeting, frozenset({"greeting"})),
                Question("wake word", self._wake_word, frozenset({"wake_word"})),
            )
            if not question.fields & given
        ]
        """Those that the options leave open."""

    async def put(self, question: Question) -> None:
        """Ask until the config accepts the answer. Raises Unanswered."""
        while True:
            given = await question.ask()
            try:
                self._config(given)
            except ConfigError as error:
                self._prompts.instruct("\n   ".join(error.problems))
                continue
            self.answers = given.over(self.answers)
            return

    def _config(self, given: Answers | None = None) -> Config:
        text = edited(self._text, (given or Answers()).over(self.answers))
        return read(text, str(self._path), self._path.parent)

    async def _service(self) -> Answers:
        self._prompts.instruct(_WHERE_ENDPOINT)
        while True:
            question = "endpoint (none: no account yet, the voice service on this machine)"
            given = Answers(endpoint=await self._parsed(question, self._endpoint(), options.endpoint))
            if given.endpoint is not None and not self.key:
                given = (await self._sign_in(given)).over(given)
            if await self._session_opens(self._config(given)) or not await self._prompts.agree(
                "try another address or key?"
            ):
                return given
            self.key = ""

    def _endpoint(self) -> str:
        try:
            return self._config().service.endpoint or options.NONE
        except ConfigError:  # a new config, or an example's placeholder
            return options.NONE

    async def _sign_in(self, given: Answers) -> Answers:
        """Ask for a key, or sign in as a person; what the config says already is proposed and stays as it is."""
        service = self._config(given).service
        was = service.auth == "entra" and service.entra.method == "device-code"
        ways = ("an API key of the resource", "a Microsoft account: a code is shown, and entered on another device")
        if not await self._prompts.choose("how does the speaker sign in?", ways, int(was)):
            self.key = await self._prompts.secret("API key (it is not shown; empty: the one that is stored)")
            return Answers(sign_in="api-key") if was or (self.key and service.auth == "entra") else Answers()
        answers = Answers() if was else Answers(sign_in="device-code")
        service = self._config(answers.over(given)).service
        while True:
            try:
                account = await self._sign_in_by_code(service, self._environment, self._show_code)
            except SpeakerError as error:
                self._prompts.instruct(error.message)
                if not await self._prompts.agree("try again?"):
                    return answers
            else:
                self._prompts.instruct(f"signed in as {account}")
                return answers

    def _show_code(self, address: str, code: str) -> None:
        self._prompts.instruct(f"open {address} on any device and enter the code {code} (within 15 minutes)")

    async def _session_opens(self, config: Config) -> bool:
        client: LocalClient | Client
        if config.service.local:
            client, host = LocalClient(config), "the voice service on this machine"
        else:
            client = Client(config, config.service.endpoint or "", lambda: self._credential(config))
            host = client.host
        try:
            return await self._holds("session", network.open_session(client, host))
        finally:
            await client.close()

    def _credential(self, config: Config) -> Credential:
        return Key(self.key) if self.key else credential_for(config.service, self._environment)

    async def _language(self) -> Answers:
        question = f"language ({', '.join(sorted(LOCALES))})"
        return Answers(language=await self._prompts.ask(question, self._config().language or "en-US"))

    async def _board(self) -> Answers:
        known = options.boards()
        names = ["none of these", *known]
        chosen = await self._prompts.choose("which board carries sound, button or light?", names)
        return from_board(options.board_named(names[chosen])) if chosen else Answers()

    async def _loudspeaker(self) -> Answers:
        return Answers(speaker=await self._device("playback", "speaker", "loudspeaker"))

    async def _microphone(self) -> Answers:
        return Answers(microphone=await self._device("capture", "microphone", "microphone"))

    async def _device(self, direction: Direction, setting: str, title: str) -> str:
        present: str = getattr(self._config().audio, setting).device
        while True:
            found = [info for info in await in_thread(list_devices) if info.direction == direction]
            names = list(dict.fromkeys([present, *(info.name for info in found if not info.problem)]))
            texts = {info.name: f"{info.name}  {info.description}" for info in found}
            if not found:
                self._prompts.instruct(
                    f"no {title} is there: plug one in and run this again; the config names {present}"
                )
                return present
            chosen = names[await self._prompts.choose(f"which {title}?", [texts.get(name, name) for name in names])]
            if self._busy or await self._sounds(direction, chosen) or not await self._prompts.agree("try another one?"):
                return chosen

    async def _sounds(self, direction: Direction, device: str) -> bool:
        audio = self._config(Answers(speaker=device) if direction == "playback" else Answers(microphone=device)).audio
        checks = SoundChecks(audio, audio.speaker.volume, self._path, self._prompts)
        if not await self._holds(direction, checks.check_card(direction)):
            return False
        if direction == "playback":
            return await self._holds("speaker sound", checks.check_speaker_sound())
        return await self._holds("microphone sound", checks.check_microphone_sound())

    async def _button(self) -> Answers:
        if not self._busy:
            self._prompts.instruct("a button between a GPIO pin and ground: press it now; without one, wait 20 seconds")
            try:
                pin = await pressed_pin()
            except PinUnusable as error:
                self._prompts.instruct(error.message)
                return Answers(button=None)
            if pin is not None:
                self._prompts.instruct(f"pressed: the button is on pin {pin}")
                return Answers(button=pin)
        question = "GPIO number (BCM) of the button, or none"
        return Answers(button=await self._parsed(question, options.NONE, options.button))

    async def _light(self) -> Answers:
        kind = await self._prompts.choose("which light shows what the speaker does?", [text for _, text, _ in _LIGHTS])
        tag, _, pins = _LIGHTS[kind]
        if not kind:
            return Answers(light=None)
        while True:
            light = await self._parsed(pins, "", lambda text: options.light(f"{tag}:{text}"))
            given = Answers(light=light)
            if await self._blinks(given) or not await self._prompts.agree("another pin?"):
                return given

    async def _blinks(self, given: Answers) -> bool:
        try:
            light = self._config(given).lights[0]
        except ConfigError:
            return True  # `put` says what is wrong, and asks again
        return self._busy or await self._holds("light", gpio_checks.check_light(light, self._prompts))

    async def _parsed(self, question: str, default: str, meaning: Callable[[str], Value]) -> Value:
        """Ask until the answer can be understood."""
        while True:
            try:
                return meaning(await self._prompts.ask(question, default))
            except options.WrongOption as wrong:
                self._prompts.instruct(wrong.message)

    async def _greeting(self) -> Answers:
        config = self._config()
        name = await self._prompts.ask("who is greeted ({name} in the greeting)", config.names.get("name", ""))
        welcome = config.greetings.get("welcome")
        present = (welcome.say if welcome else None) or "{welcome}"
        shown = present.replace("{welcome}", language_for(config.language).welcome)
        greeting = await self._prompts.ask("what the speaker says first", shown)
        return Answers(name=name or UNSET, greeting=UNSET if greeting == shown else greeting)

    async def _wake_word(self) -> Answers:
        words = [options.NONE, *installed_words()]
        if len(words) == 1:
            self._prompts.instruct("no wake word: the engine is not installed")
            return Answers()
        chosen = await self._prompts.choose("which word starts a conversation, beside the button?", words)
        return Answers(wake_word=words[chosen] if chosen else None)

    async def _holds(self, name: str, check: Check) -> bool:
        """Run a check of the doctor and show its findings; whether none of them is a failure."""

        def show(finding: Finding) -> None:
            self._prompts.instruct(as_text(finding, _WIDTH).replace("\n", "\n   "))

        runner = CheckRunner(show, partial(remedy_for, config_path=self._path))
        await runner.run(name, check, _CHECK_S)
        return all(finding.status is not Status.FAILED for finding in runner.findings)
