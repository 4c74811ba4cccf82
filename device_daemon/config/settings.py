"""Data model of the config file: every key with its type, default and limits.

The structs are frozen and refuse unknown keys. `reader` turns a file into a `Config` or a list of problems;
`checks` holds the rules that span several keys; `schema` writes config/schema.json from these types and from the
docstring below each key.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, get_args

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from device_daemon.config import times
from device_daemon.config.tool_names import TOOL_NAME, guess_tool_name
from device_daemon.language import locales
from device_daemon.state import State

NO_GREETING = "none"
"""A trigger names it to listen at once; no greeting can have this name."""
SERVICE_ASSISTANT = "service"
"""The assistant that the section `service` describes; no other one can have this name."""

STOP_WORD = "stop"
"""The stop word that comes with this program."""
NO_STOP_WORD = "off"
STOP_REFRACTORY_S = 1.0

Text = Annotated[str, Meta(pattern=r"\S")]
Pin = Annotated[int, Meta(ge=0, le=53, description="GPIO number (BCM numbering, not the header position)")]
Percent = Annotated[int, Meta(ge=0, le=100)]
IN_SECONDS: dict[str, Any] = {"unit": "s"}
IN_MS: dict[str, Any] = {"unit": "ms"}
"""Marks of durations, which may be written with a unit."""
Seconds = Annotated[float, Meta(ge=0.1, le=86_400, extra=IN_SECONDS)]
PeriodMs = Annotated[int, Meta(ge=2, le=100, extra=IN_MS)]
Periods = Annotated[int, Meta(ge=2, le=32)]

TurnDetection = Annotated[
    dict[str, Any],
    Meta(extra={"allowed": "a mapping such as {type: azure_semantic_vad} (push-to-talk is the mode of a button)"}),
]

TimeOfDay = Annotated[
    str,
    Meta(
        pattern=times.TIME_OF_DAY,
        extra={"allowed": times.TIME_ALLOWED, "guess": times.guess_time},
    ),
]
Span = Annotated[
    str,
    Meta(
        pattern=times.SPAN,
        extra={"allowed": times.SPAN_ALLOWED, "guess": times.guess_span},
    ),
]
Weekdays = Annotated[
    str,
    Meta(
        pattern=times.WEEKDAYS,
        extra={"allowed": times.WEEKDAYS_ALLOWED, "guess": times.guess_weekdays},
    ),
]

ToolName = Annotated[
    str,
    Meta(
        pattern=TOOL_NAME,
        extra={"allowed": "letters, digits, '_' and '-', at most 64", "guess": guess_tool_name},
    ),
]

PatternName = Literal[
    "off",
    "on",
    "blink",
    "slow-blink",
    "double-blink",
    "triple-blink",
    "pulse",
    "breathe",
    "tick",
    "flicker",
    "wink",
    "ring",
]
PATTERN_NAMES: tuple[str, ...] = get_args(PatternName)
DimmablePatternName = Literal[PatternName, "level"]


class Agent(Struct, frozen=True, forbid_unknown_fields=True):
    """A Foundry agent that answers instead of a model; needs `auth: entra`."""

    name: Text
    """The agent's name."""
    project: Text
    """The Foundry project the agent lives in."""
    version: Text | None = None
    """The agent's version; the newest if left out."""


class Entra(Struct, frozen=True, forbid_unknown_fields=True):
    """As which Microsoft Entra identity to sign in, with `auth: entra`; a single word stands for `method`."""

    shorthand: ClassVar[str] = "method"

    method: Literal["auto", "managed-identity", "service-principal", "workload-identity"] = "auto"
    """How to get a token; auto tries what the environment, the machine and the Azure CLI offer."""
    tenant_id: (
        Annotated[
            str, Meta(pattern=r"^[A-Za-z0-9.-]+$", extra={"allowed": "an ID, or a domain such as contoso.example"})
        ]
        | None
    ) = None
    """The tenant: its ID, or a domain of it."""
    client_id: Text | None = None
    """The app's (client) ID; of a managed identity, only if it is a user-assigned one."""
    client_secret_file: Text | None = None
    """service-principal: a file that holds the client secret, if it is no systemd credential."""
    certificate_file: Text | None = None
    """service-principal: a file that holds the certificate and its private key (PEM), if it is no systemd credential."""
    token_file: Text | None = None
    """workload-identity: the file that holds the token to be exchanged; default: AZURE_FEDERATED_TOKEN_FILE."""


class InterimResponse(Struct, frozen=True, forbid_unknown_fields=True):
    """What the service says by itself while its model or a tool takes long; for models that are not realtime models."""

    triggers: list[Literal["latency", "tool"]] = field(default_factory=lambda: ["latency", "tool"])
    """When: the model takes long, a tool is called."""
    texts: list[Text] = field(default_factory=list)
    """One of these is said; without them a model makes one up."""
    instructions: Text | None = None
    """For the model that makes one up."""
    latency_threshold_ms: Annotated[int, Meta(ge=0, le=60_000, extra=IN_MS)] = 2000
    """After so many milliseconds of waiting."""


class Service(Struct, frozen=True, forbid_unknown_fields=True):
    """Which voice service, how to sign in, and what its session is like."""

    endpoint: Text | None = None
    """Address of the Azure resource; https:// or wss://, and ws:// or http:// only to this machine."""
    local: bool = False
    """Use the voice service on this machine instead of an endpoint: no account, no network."""
    model: Text = "gpt-realtime"
    """The model that answers."""
    agent: Agent | None = None
    """A Foundry agent that answers instead of a model."""
    auth: Literal["api-key", "entra"] = "api-key"
    """How to sign in: with an API key, or as a Microsoft Entra identity."""
    entra: Entra = Entra()
    """As which Microsoft Entra identity, with `auth: entra`; one word, or keys below it."""
    api_key_file: Text | None = None
    """A file that holds the API key, and that only the speaker can read."""
    voice: Text | None = None
    """The voice that speaks; by default one of the `language`, en-US-Ava:DragonHDLatestNeural without one."""
    instructions: str = ""
    """Who the speaker is and how it answers."""
    turn_detection: TurnDetection = field(default_factory=dict)
    """Voice activity detection (VAD) of the service, by default that for the `language` (azure_semantic_vad for English);
    passed on as it is, after its names are checked."""
    noise_reduction: Literal["azure_deep_noise_suppression", "near_field", "far_field", "off"] = (
        "azure_deep_noise_suppression"
    )
    """Noise suppression in the service."""
    transcription: bool = False
    """Have the service transcribe what people say."""
    phrase_list: list[Text] = field(default_factory=list)
    """Words that the service is to expect, such as names; with one, what people say is transcribed."""
    interim_response: InterimResponse | None = None
    """What the service says while it takes long, such as {triggers: [tool], texts: ["One moment."]}."""
    standby: Literal["off", "after-conversation", "always"] = "off"
    """Keep a session ready for the next press: not at all, for some minutes after a conversation, or always."""
    proxy: Text | None = None
    """An HTTP proxy on the way to the service, http://host:port."""
    ca_file: Text | None = None
    """A file of CA certificates (PEM) that are trusted as well as the system's, for a proxy that inspects TLS."""


class Assistant(Struct, frozen=True, forbid_unknown_fields=True):
    """Another assistant: what it sets takes the place of the same setting under `service`."""

    model: Text | None = None
    """The model that answers."""
    agent: Agent | None = None
    """A Foundry agent that answers instead of a model."""
    voice: Text | None = None
    """The voice that speaks; by default that of the assistant's language, if it has one, else that of the service."""
    language: locales.Tag | None = None
    """The language of the greetings' placeholders and, by default, of the voice."""
    instructions: str | None = None
    """Who this assistant is and how it answers."""
    phrase_list: list[Text] | None = None
    """Words that the service is to expect from whoever talks to it."""
    tools: list[Text] | None = None
    """Which tools it has, of those that `tools` below gives to all: built-in ones, or the names of your own."""

    def of(self, service: Service) -> Service:
        """Return the settings of the service with those of this assistant in their place."""
        names = ("model", "agent", "voice", "instructions", "phrase_list")
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        # What it does without: an agent where it has a model, the voice of another language.
        unset = {"agent": None} if self.model else {}
        unset |= {"voice": None} if self.language else {}
        return replace(service, **(unset | given))


class ConversationLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """When a conversation ends by itself, and whether people may interrupt the speaker (barge-in)."""

    idle_timeout_s: Seconds = 30.0
    """End the conversation after neither side spoke for so many seconds."""
    max_duration_s: Seconds = 900.0
    """End the conversation after so many seconds in any case."""
    interruptible: bool = True
    """Whether people may interrupt the speaker by talking (barge-in)."""
    resume_after_false_interruption: bool = True
    """Whether an answer goes on where it stopped after a cough, a door or a "mhm" interrupted it (false barge-in)."""
    continue_for_s: Annotated[float, Meta(ge=0, le=86_400, extra=IN_SECONDS)] = 0.0
    """A press within so many seconds goes on where the last conversation stopped, without a greeting; 0: never."""


class Greeting(Struct, frozen=True, forbid_unknown_fields=True):
    """What the speaker says first: exactly one of `say`, `say_one_of`, `ask_model`."""

    say: Text | None = None
    """Say this, word for word; placeholders such as {daypart} are filled in."""
    say_one_of: Annotated[list[Text], Meta(min_length=1)] | None = None
    """Say one of these, never the same twice in a row."""
    ask_model: Text | None = None
    """Have the model create the greeting from this instruction."""
    interruptible: bool = True
    """Whether people may interrupt this greeting by talking."""
    voice: Text | None = None
    """The voice of this greeting, if not that of the service."""
    cache: bool = True
    """Keep the synthesised greeting and play it at once the next time; false: the service speaks it each time."""


class ButtonTrigger(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="button"):
    """A push button between a pin and ground."""

    pin: Pin
    """The button's pin."""
    greeting: Text = NO_GREETING
    """The greeting a press begins with, or none."""
    assistant: Text = SERVICE_ASSISTANT
    """Who answers: one of `assistants`, or service."""
    active_high: bool = False
    """True for a button between the pin and 3.3 V."""
    debounce_ms: Annotated[int, Meta(ge=0, le=200, extra=IN_MS)] = 5
    """Debounce: a press counts if it lasts so many milliseconds."""
    hold_s: Annotated[float, Meta(ge=0.3, le=10, extra=IN_SECONDS)] = 1.0
    """Long press: holding the button for so many seconds mutes."""
    mode: Literal["press", "push-to-talk"] = "press"
    """press: a press opens a conversation; push-to-talk: a person is heard while the button is held."""


class WakeWordTrigger(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="wake-word"):
    """A wake word, detected on the device; no audio leaves the device before it."""

    word: Text
    """The word's name, such as okay_nabu; or the path of a model: .json of microWakeWord, .tflite of openWakeWord."""
    greeting: Text = NO_GREETING
    """The greeting it begins with, or none: then what is said right after the word is heard."""
    assistant: Text = SERVICE_ASSISTANT
    """Who answers: one of `assistants`, or service."""
    sensitivity: Annotated[float, Meta(ge=0, le=1)] = 0.5
    """From 0 (only a clear word counts) to 1 (similar sounds count, too)."""
    refractory_s: Seconds = 2.0
    """How many seconds after a detection of this word it can be detected again."""


class MotionTrigger(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="motion"):
    """A motion sensor (PIR) on a pin: greets a person who walks past."""

    pin: Pin
    """The sensor's output."""
    greeting: Text = NO_GREETING
    """The greeting it begins with, or none."""
    assistant: Text = SERVICE_ASSISTANT
    """Who answers: one of `assistants`, or service."""
    cooldown_s: Annotated[float, Meta(ge=0, le=86_400, extra=IN_SECONDS)] = 600.0
    """How many seconds after a conversation it opened it can open the next."""
    between: Span | None = None
    """Only between these times, such as "07:00-22:00"; over midnight too."""
    active_high: bool = True
    """False for a sensor whose output is low when it detects motion."""


class ScheduleTrigger(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="schedule"):
    """A time of the day at which the speaker begins a conversation."""

    at: TimeOfDay
    """When, in the device's time zone, such as "07:30"."""
    days: Weekdays = "daily"
    """On which days: daily, a range such as mon-fri, or a list such as sat,sun."""
    greeting: Text = NO_GREETING
    """The greeting it begins with, or none."""
    assistant: Text = SERVICE_ASSISTANT
    """Who answers: one of `assistants`, or service."""


Trigger = ButtonTrigger | WakeWordTrigger | MotionTrigger | ScheduleTrigger
"""Further kinds are added with `|`; their tag is the value of `type` in the file."""


class MicrophoneSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Capture: an ALSA device and its buffer."""

    device: Text = "default"
    """An ALSA name, such as plughw:CARD=seeed2micvoicec; `voicelive-speaker devices` lists them."""
    period_ms: PeriodMs = 30
    """Milliseconds of sound per period."""
    periods: Periods = 8
    """Periods in the card's buffer; more tolerate a slower machine."""
    gain_db: Annotated[float, Meta(ge=-40, le=40)] = 0.0
    """Gain, in decibels."""
    channel: Annotated[int, Meta(ge=0, le=31)] | None = None
    """Which channel of a card with several, counted from 0; by default the first of a microphone array, and the mean
    of two."""


class SpeakerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Playback: an ALSA device, its buffer, the volume."""

    device: Text = "default"
    """An ALSA name, such as plughw:CARD=seeed2micvoicec; `voicelive-speaker devices` lists them."""
    period_ms: PeriodMs = 40
    """Milliseconds of sound per period."""
    periods: Periods = 9
    """Periods in the card's buffer; more tolerate a slower machine."""
    volume: Percent = 80
    """Volume, in per cent, until it is set by a command: that is remembered, and counts from then on."""


class EchoSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the loudspeaker's echo is removed from what the microphone hears; a single word stands for `mode`."""

    shorthand: ClassVar[str] = "mode"

    mode: Literal["auto", "hardware", "client-reference", "local", "service", "half-duplex"] = "auto"
    """Which way; auto takes the best that the card, the service and the installation have."""
    local: Literal["aec3", "speexdsp"] | None = None
    """Which canceller works on this device; given alone, it chooses the mode local."""

    @property
    def setting(self) -> str:
        """The mode that the file asks for."""
        return "local" if self.local and self.mode == "auto" else self.mode


class Audio(Struct, frozen=True, forbid_unknown_fields=True):
    """Microphone, speaker, and who cancels the echo."""

    microphone: MicrophoneSettings = MicrophoneSettings()
    """Capture."""
    speaker: SpeakerSettings = SpeakerSettings()
    """Playback."""
    echo: EchoSettings = EchoSettings()
    """How the speaker is kept from hearing itself: one word, or {local: speexdsp}."""


class Night(Struct, frozen=True, forbid_unknown_fields=True):
    """The hours in which a light is dimmed."""

    between: Span
    """From when to when, in the device's time zone, such as "22:00-07:00"; over midnight too."""
    brightness: Annotated[int, Meta(ge=1, le=100)] = 10
    """How bright it is then, in per cent of its usual light; not 0, because it says that the microphone is open."""


class Led(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="led"):
    """One LED, on or off."""

    pin: Pin
    """The LED's pin."""
    active_high: bool = True
    """False for an LED that lights when its pin is low."""
    patterns: dict[State, PatternName] = field(default_factory=dict)
    """Patterns for states that should not have their usual one."""


class PwmLed(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="pwm-led"):
    """One LED that can be dimmed."""

    pin: Pin
    """The LED's pin."""
    active_high: bool = True
    """False for an LED that lights when its pin is low."""
    patterns: dict[State, DimmablePatternName] = field(default_factory=dict)
    """Patterns for states that should not have their usual one."""
    night: Night | None = None
    """Hours in which it is dimmed."""


class RgbLed(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="rgb-led"):
    """An RGB LED on three pins."""

    red: Pin
    """The red LED's pin."""
    green: Pin
    """The green LED's pin."""
    blue: Pin
    """The blue LED's pin."""
    active_high: bool = True
    """False for LEDs that light when their pin is low."""
    patterns: dict[State, DimmablePatternName] = field(default_factory=dict)
    """Patterns for states that should not have their usual one."""
    night: Night | None = None
    """Hours in which it is dimmed."""


class Apa102(Struct, frozen=True, forbid_unknown_fields=True, tag_field="type", tag="apa102"):
    """A strip of APA102 LEDs on SPI, all in one colour."""

    count: Annotated[int, Meta(ge=1, le=64)]
    """How many LEDs the strip has."""
    bus: Annotated[int, Meta(ge=0, le=10)] = 0
    """The SPI bus: the first number of /dev/spidev0.0."""
    device: Annotated[int, Meta(ge=0, le=3)] = 0
    """The device on that bus: the second number of /dev/spidev0.0."""
    brightness: Percent = 30
    """Highest brightness, in per cent."""
    patterns: dict[State, DimmablePatternName] = field(default_factory=dict)
    """Patterns for states that should not have their usual one."""
    night: Night | None = None
    """Hours in which it is dimmed."""


Light = Led | PwmLed | RgbLed | Apa102


class Sounds(Struct, frozen=True, forbid_unknown_fields=True):
    """Earcons and spoken notices of the device."""

    ready: bool = True
    """A sound when the speaker begins to listen."""
    error: bool = True
    """A sound when something fails."""
    notices: bool = True
    """Spoken notices that say what failed."""
    volume: Percent = 60
    """Volume of the sounds, in per cent."""


class TimerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How timers and alarms ring."""

    volume: Percent = 60
    """How loud they ring at least, in per cent, however low the speaker's own volume is."""
    snooze_s: Annotated[float, Meta(ge=10, le=7200, extra=IN_SECONDS)] = 540.0
    """After how many seconds they ring again if they are snoozed."""
    ring_for_s: Annotated[float, Meta(ge=10, le=7200, extra=IN_SECONDS)] = 600.0
    """After how many seconds they stop by themselves, and count as missed."""


class CommandParameter(Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter of a command, which the model fills in."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    """What kind of value."""
    description: Text | None = None
    """What it means, for the model."""
    enum: list[Text] = field(default_factory=list)
    """string: the values that are allowed; default: any."""
    pattern: Text | None = None
    """string: a regular expression that the text must match as a whole."""
    max_length: Annotated[int, Meta(ge=1, le=10_000)] = 500
    """string: how many characters it may have."""
    minimum: float | None = None
    """integer and number: the smallest value."""
    maximum: float | None = None
    """integer and number: the largest value."""
    default: Any = None
    """What is taken where the model gives no value; without it, the model must give one."""


class CommandTool(Struct, frozen=True, forbid_unknown_fields=True):
    """A program on this device that the model may run."""

    name: ToolName
    """What the model calls it, such as open_blinds."""
    description: Text
    """What it does and when it is to be run, for the model."""
    run: Annotated[list[str], Meta(min_length=1)]
    """The program's full path and its arguments, in which {position} stands for a parameter; there is no shell."""
    parameters: dict[Text, CommandParameter] = field(default_factory=dict)
    """What the model fills in, by names of your own."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=300, extra=IN_SECONDS)] = 10.0
    """After so many seconds the program is killed."""


class Mute(Struct, frozen=True, forbid_unknown_fields=True):
    """A hardware switch that closes the microphone; it overrides everything."""

    switch_pin: Pin | None = None
    """The switch's pin."""


BuiltinTool = Literal["time", "volume", "mute", "goodbye", "timers", "again", "remember", "status"]
BUILTIN_TOOLS: tuple[BuiltinTool, ...] = get_args(BuiltinTool)
OFF: dict[str, Any] = {"off": True}
"""Marks a list that may be switched off with one word."""


class HomeAssistant(Struct, frozen=True, forbid_unknown_fields=True):
    """A Home Assistant on the local network, to which the model may hand what a person asks for."""

    url: Text
    """Its address, such as http://homeassistant.local:8123."""
    token_file: Text | None = None
    """A file that holds a long-lived access token, if it is no systemd credential (home-assistant-token)."""


class McpServer(Struct, frozen=True, forbid_unknown_fields=True):
    """A server of the Model Context Protocol: exactly one of `url` and `local`."""

    label: ToolName
    """A name of your own, such as notes; of a local server, the names of its tools begin with it."""
    url: Text | None = None
    """The address of a server that the voice service calls by itself; it must be reachable from the internet."""
    local: list[Text] = field(default_factory=list)
    """A server on this device: the program's full path and its arguments."""
    allowed_tools: list[Text] = field(default_factory=list)
    """The tools that may be used; default: all."""
    approval: Literal["always", "never"] = "always"
    """url: whether a person is asked before each call."""
    headers_file: Text | None = None
    """url: a file with HTTP headers for the server, `Name: value` lines, if it is no systemd credential."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=300, extra=IN_SECONDS)] = 30.0
    """local: after so many seconds a call has failed."""


class Tools(Struct, frozen=True, forbid_unknown_fields=True):
    """What the model may do on this device."""

    builtin: Annotated[list[BuiltinTool], Meta(extra=OFF)] = field(default_factory=lambda: list(BUILTIN_TOOLS))
    """Which of the built-in tools there are; off: none."""
    commands: list[CommandTool] = field(default_factory=list)
    """Programs of this device that the model may run."""
    home_assistant: HomeAssistant | None = None
    """A Home Assistant that the model may talk to."""
    mcp: list[McpServer] = field(default_factory=list)
    """Servers of the Model Context Protocol (MCP), whose tools the model may use."""

    @property
    def names(self) -> list[str]:
        """What an assistant may name: groups of built-in tools, commands, home_assistant, labels of MCP servers."""
        home = ["home_assistant"] if self.home_assistant else []
        return [*self.builtin, *(each.name for each in self.commands), *home, *(each.label for each in self.mcp)]


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """How much the voice service may be used: what is asked for beyond that is refused, with a notice."""

    minutes_per_day: Annotated[float, Meta(ge=1, le=1_440)] | None = None
    """Minutes of conversation from midnight to midnight; no limit if left out."""
    conversations_per_hour: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    """Conversations and announcements within any hour; no limit if left out."""


class MetricsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Figures for a monitoring system."""

    textfile: (
        Annotated[str, Meta(pattern=r"^/.*\.prom$", extra={"allowed": "the full path of a file *.prom"})] | None
    ) = None
    """A file for the textfile collector of Prometheus' node_exporter, written every 15 s."""


TopicLevels = Annotated[
    str, Meta(pattern=r"^[^/#+\s][^#+\s]*[^/#+\s]$", extra={"allowed": "topic levels such as home/speakers"})
]


class Mqtt(Struct, frozen=True, forbid_unknown_fields=True):
    """An MQTT broker, for Home Assistant and others: the device reports there and takes commands."""

    host: Text
    """The broker."""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 1883
    """Its port; 8883 is usual with TLS."""
    username: Text | None = None
    """The user."""
    password_file: Text | None = None
    """A file that holds the password, if it is no systemd credential (mqtt-password)."""
    tls: bool = False
    """Use TLS; the broker's certificate is checked."""
    ca_file: Text | None = None
    """CA certificates (PEM) that are trusted as well as the system's."""
    certificate_file: Text | None = None
    """A certificate of the device and its private key (PEM), where the broker wants one."""
    base_topic: TopicLevels = "voicelive-speaker"
    """What the device's topics begin with; the host name comes next."""
    discovery_prefix: TopicLevels = "homeassistant"
    """Where Home Assistant looks for devices."""


class Privacy(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be written to the log."""

    log_transcripts: bool = False
    """Write transcripts into the log."""


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The complete config file."""

    service: Service
    """Which voice service, and how to sign in."""
    language: locales.Tag | None = None
    """The language of notices, placeholders and, by default, of the voice, such as de-DE; English if left out."""
    include: list[Text] = field(default_factory=list)
    """One or several files with settings that this file leaves out, such as boards/button-led.yaml."""
    conversation: ConversationLimits = ConversationLimits()
    """When a conversation ends by itself."""
    assistants: dict[Text, Assistant] = field(default_factory=dict)
    """Other assistants than that of the section `service`, by names of your own; a trigger names one."""
    greetings: dict[Text, Greeting] = field(default_factory=lambda: {"welcome": Greeting(say="{welcome}")})
    """What the speaker says first, by names of your own; {welcome} is "Hello! How can I help?" in the `language`."""
    names: dict[str, str] = field(default_factory=dict)
    """Values for placeholders of your own in greetings."""
    triggers: list[Trigger] = field(default_factory=list)
    """What opens a conversation; the control socket (`voicelive-speaker press`) always does."""
    stop_word: Text | None = None
    """The word that silences the speaker, listened for while it sounds or rings: stop, a file as of a wake word, or off.
    By default stop where there is a wake word, else off."""
    audio: Audio = Audio()
    """Sound card settings."""
    lights: list[Light] = field(default_factory=list)
    """The lights that show the state."""
    sounds: Sounds = Sounds()
    """Short sounds and spoken notices."""
    timers: TimerSettings = TimerSettings()
    """How timers and alarms ring."""
    mute: Mute = Mute()
    """The hardware mute switch."""
    tools: Tools = Tools()
    """What the model may do on this device."""
    privacy: Privacy = Privacy()
    """What may be written to the log."""
    limits: Limits = Limits()
    """How much the voice service may be used."""
    metrics: MetricsSettings = MetricsSettings()
    """Figures for a monitoring system."""
    mqtt: Mqtt | None = None
    """An MQTT broker; none by default."""
    on_event: list[Text] = field(default_factory=list)
    """A program that is run for each event: its full path and its arguments."""

    @property
    def voice(self) -> str:
        """The service's voice: the one that is named, or that of the language."""
        return self.service.voice or locales.speech_locale(self.language).voice

    @property
    def turn_detection(self) -> dict[str, Any]:
        """Voice activity detection (VAD): the one that is named, or that for the language."""
        return self.service.turn_detection or locales.turn_detection(self.language)

    @property
    def languages(self) -> set[locales.Tag | None]:
        """Every language that is spoken, with those of assistants; None is plain English."""
        return {self.language, *(assistant.language for assistant in self.assistants.values() if assistant.language)}

    @property
    def default_trigger(self) -> Trigger | None:
        """The trigger that a press without one (the control socket) stands for: the first button, else the first of all."""
        buttons = [trigger for trigger in self.triggers if isinstance(trigger, ButtonTrigger)]
        return next(iter([*buttons, *self.triggers]), None)

    @property
    def default_greeting(self) -> str:
        """Name of the greeting for a press that comes from no trigger, or `none`.

        It is that of the `default_trigger`; without triggers, the greeting called `welcome` if there is one.
        """
        if self.default_trigger is not None:
            return self.default_trigger.greeting
        return "welcome" if "welcome" in self.greetings else NO_GREETING

    @property
    def default_assistant(self) -> str:
        """Name of the assistant for a request that comes from no trigger."""
        return self.default_trigger.assistant if self.default_trigger else SERVICE_ASSISTANT

    @property
    def stop_trigger(self) -> WakeWordTrigger | None:
        """The stop word, None if it is off."""
        beside_words = any(isinstance(trigger, WakeWordTrigger) for trigger in self.triggers)
        word = self.stop_word or (STOP_WORD if beside_words else NO_STOP_WORD)
        return None if word == NO_STOP_WORD else WakeWordTrigger(word=word, refractory_s=STOP_REFRACTORY_S)

    def tools_of(self, assistant: str) -> list[Text] | None:
        """Names or groups of the tools that an assistant has; None: all."""
        return self.assistants[assistant].tools if assistant in self.assistants else None

    def of(self, assistant: str) -> Config:
        """Return this config as it is for one assistant."""
        if assistant not in self.assistants:
            return self
        other = self.assistants[assistant]
        return replace(self, service=other.of(self.service), language=other.language or self.language)
