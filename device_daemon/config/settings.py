"""Data model of the config file: the complete file, made of the structs in `sections`.

The structs are frozen and refuse unknown keys; each key has its type, default and limits. `reader` turns a file into a `Config` or a list of problems;
`checks` holds the rules that span several keys; `schema` writes config/schema.json from these types and from the
docstring below each key.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from device_daemon.config.sections.audio import (
    Audio,
    EchoSettings,
    MicrophoneSettings,
    Sounds,
    SpeakerSettings,
    TimerSettings,
)
from device_daemon.config.sections.conversation import ConversationLimits, Greeting, Limits
from device_daemon.config.sections.integrations import MetricsSettings, Mqtt, Privacy
from device_daemon.config.sections.lights import (
    PATTERN_NAMES,
    Apa102,
    DimmablePatternName,
    Led,
    Light,
    Night,
    PatternName,
    PwmLed,
    RgbLed,
)
from device_daemon.config.sections.service import Agent, Assistant, Entra, InterimResponse, Service
from device_daemon.config.sections.tools import (
    BUILTIN_TOOLS,
    BuiltinTool,
    CommandParameter,
    CommandTool,
    HomeAssistant,
    McpServer,
    Tools,
)
from device_daemon.config.sections.triggers import (
    NO_STOP_WORD,
    STOP_REFRACTORY_S,
    STOP_WORD,
    ButtonTrigger,
    MotionTrigger,
    Mute,
    ScheduleTrigger,
    Trigger,
    WakeWordTrigger,
)
from device_daemon.config.sections.value_types import (
    NO_GREETING,
    SERVICE_ASSISTANT,
    Text,
)
from device_daemon.language import locales

__all__ = [
    "BUILTIN_TOOLS",
    "NO_GREETING",
    "NO_STOP_WORD",
    "PATTERN_NAMES",
    "SERVICE_ASSISTANT",
    "STOP_WORD",
    "Agent",
    "Apa102",
    "Assistant",
    "Audio",
    "BuiltinTool",
    "ButtonTrigger",
    "CommandParameter",
    "CommandTool",
    "Config",
    "ConversationLimits",
    "DimmablePatternName",
    "EchoSettings",
    "Entra",
    "Greeting",
    "HomeAssistant",
    "InterimResponse",
    "Led",
    "Light",
    "Limits",
    "McpServer",
    "MetricsSettings",
    "MicrophoneSettings",
    "MotionTrigger",
    "Mqtt",
    "Mute",
    "Night",
    "PatternName",
    "Privacy",
    "PwmLed",
    "RgbLed",
    "ScheduleTrigger",
    "Service",
    "Sounds",
    "SpeakerSettings",
    "TimerSettings",
    "Tools",
    "Trigger",
    "WakeWordTrigger",
]


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
