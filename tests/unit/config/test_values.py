"""What a file that is right becomes."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from msgspec import convert, to_builtins

from device_daemon.audio.uplink_chunker import CHUNK_MS
from device_daemon.config.placeholders import BUILT_IN
from device_daemon.config.reader import load, read
from device_daemon.config.settings import (
    Agent,
    Assistant,
    ButtonTrigger,
    Config,
    ConversationLimits,
    DimmablePatternName,
    Greeting,
    Led,
    MicrophoneSettings,
    MotionTrigger,
    Mute,
    Night,
    PwmLed,
    RgbLed,
    ScheduleTrigger,
    Service,
    SpeakerSettings,
    WakeWordTrigger,
)
from device_daemon.config.turn_detection import TYPES
from device_daemon.errors import ConfigError
from device_daemon.state import State
from tests.unit.config.cases import GOOD, SHIPPED


def service(line: str) -> Service:
    return read(f"service: {{local: true, {line}}}", "config.yaml").service


@pytest.mark.parametrize(
    "text",
    [
        "service: {local: true}",
        "service:\n  local: yes\n",
        "service:\r\n  local: on\r\n",
        "\ufeffservice: {local: TRUE}",
        '{"service": {"local": true}}',
        "---\nservice: {local: true} # a comment\n...\n",
        "service: {local: true}\nlights:\n  # - {type: led, pin: 25}\ntriggers:\ngreetings:\naudio:\n  speaker:\n",
    ],
)
def test_a_file_with_only_the_local_service_has_defaults_for_all_the_rest(text: str) -> None:
    assert read(text, "config.yaml") == Config(service=Service(local=True))


def test_a_file_with_only_an_endpoint_has_defaults_for_all_the_rest() -> None:
    endpoint = "https://kitchen.services.ai.azure.com"
    assert read(f"service: {{endpoint: '{endpoint}'}}", "config.yaml") == Config(service=Service(endpoint=endpoint))


def test_the_shipped_file_is_right_and_states_the_defaults() -> None:
    config = read(GOOD, "config.yaml")
    defaults = Config(service=Service())
    for section in ("conversation", "audio", "sounds", "mute", "privacy"):
        assert getattr(config, section) == getattr(defaults, section)
    for key in (
        "local",
        "model",
        "agent",
        "auth",
        "api_key_file",
        "voice",
        "turn_detection",
        "noise_reduction",
        "standby",
    ):
        assert getattr(config.service, key) == getattr(defaults.service, key)
    assert config.service.transcription is False
    assert config.default_greeting == "welcome"


def test_an_owner_only_has_to_replace_the_endpoint_of_the_shipped_file() -> None:
    assert read(GOOD, "config.yaml").service.endpoint == "https://kitchen.services.ai.azure.com"
    with pytest.raises(ConfigError) as caught:
        load(SHIPPED)
    (problem,) = caught.value.problems
    assert "'https://my-resource.services.ai.azure.com', the placeholder of an example" in problem


def test_the_comments_of_the_shipped_file_state_the_defaults_of_sound_too() -> None:
    text = re.sub(r"\s*\n\s*# ", " ", GOOD)
    microphone, speaker = MicrophoneSettings(), SpeakerSettings()
    for sentence in (
        f"period_ms (2 to 100, default {microphone.period_ms}) is how often the microphone is listened to",
        f"everything else in chunks of {CHUNK_MS} ms.",
        f"Times periods (2 to 32, default {microphone.periods}) it is how much sound the card keeps",
        f"period_ms: default {speaker.period_ms}; periods: default {speaker.periods}.",
    ):
        assert sentence in text


def test_the_comments_of_the_shipped_file_name_every_key_and_every_word() -> None:
    text = GOOD
    for struct in (
        Agent,
        Assistant,
        Service,
        ConversationLimits,
        Greeting,
        ButtonTrigger,
        WakeWordTrigger,
        MotionTrigger,
        ScheduleTrigger,
        MicrophoneSettings,
        SpeakerSettings,
        RgbLed,
        Night,
        Mute,
    ):
        for key in struct.__struct_fields__:
            assert f"{key}:" in text, key
    for word in (*State, *get_args(DimmablePatternName), *TYPES, *(f"{{{name}}}" for name in BUILT_IN)):
        assert re.search(
            rf"(?<![\w-]){re.escape(word)}(?![\w-])", text.replace("(and _en, _multilingual)", " ".join(TYPES))
        )


@pytest.mark.parametrize(
    ("example", "instead_of"),
    [
        ("  # local: true", "  endpoint: https://kitchen.services.ai.azure.com"),
        ("  # api_key_file: /etc/voicelive-speaker/api-key", ""),
        ("  # proxy: http://proxy.example:3128", ""),
        ("# language: de-DE", ""),
        ("  # voice: en-US-Andrew:DragonHDLatestNeural", ""),
        ("  # turn_detection: {type: azure_semantic_vad, silence_duration_ms: 700}", ""),
        ("    # voice: en-US-Andrew:DragonHDLatestNeural", ""),
        (
            "  # - {type: button, pin: 27, greeting: cheerful, active_high: false, debounce_ms: 5, hold_s: 1, mode: press}",
            "  - {type: button, pin: 17, greeting: welcome}",
        ),
        ("  # - {type: button, pin: 27, mode: push-to-talk}", ""),
        ("  # - {type: wake-word, word: okay_nabu, greeting: none, sensitivity: 0.5, refractory_s: 2}", ""),
        ('  # - {type: motion, pin: 4, greeting: cheerful, cooldown_s: 600, between: "07:00-22:00"}', ""),
        ('  # - {type: schedule, at: "07:30", days: mon-fri, greeting: tailored}', ""),
        ("    # cache: false", ""),
        ("  # standby: after-conversation", ""),
        ('  # - {type: pwm-led, pin: 12, night: {between: "22:00-07:00", brightness: 10}}', ""),
        ("  # - {type: rgb-led, red: 5, green: 6, blue: 13, active_high: true}", ""),
        ("  # - {type: led, pin: 24, patterns: {listening: pulse, idle: on}}", ""),
        ("# mute: {switch_pin: 22}", "mute: {}"),
    ],
)
def test_an_example_of_the_shipped_file_is_right_once_its_sign_is_removed(example: str, instead_of: str) -> None:
    text = GOOD
    assert f"\n{example}\n" in text
    assert f"\n{instead_of}\n" in text
    read(text.replace(f"\n{instead_of}\n", "\n", 1).replace(example, example.replace("# ", "", 1)), "config.yaml")


def test_the_example_of_an_agent_is_right_without_model_and_instructions() -> None:
    text = GOOD.replace("auth: api-key", "auth: entra").replace("  # agent:", "  agent:")
    text = re.sub(r"\n  (model: .*|instructions: [|]\n.*)\n", "\n", text)
    agent = read(text, "config.yaml").service.agent
    assert agent == Agent(name="concierge", project="my-project", version="3")


def test_yes_no_on_and_off_are_true_and_false_where_those_are_wanted() -> None:
    for word, value in {"on": True, "Yes": True, "true": True, "OFF": False, "no": False, "False": False}.items():
        assert service(f"transcription: {word}").transcription is value


def test_off_is_a_word_where_words_are_wanted() -> None:
    assert service("noise_reduction: off").noise_reduction == "off"
    config = read("service: {local: true}\nlights: [{type: led, pin: 1, patterns: {idle: on, muted: off}}]", "f")
    assert config.lights == [Led(pin=1, patterns={State.IDLE: "on", State.MUTED: "off"})]


@pytest.mark.parametrize("text", ["07:30", "017", "0x11", "1_000", "yes", "3", "2026-11-22", "1e3", "!", "=", "null."])
def test_text_without_quotes_stays_as_it_is_written(text: str) -> None:
    instructions = f'"{text}"' if text == "!" else text
    assert service(f"instructions: {instructions}").instructions == text


def test_a_whole_number_does_where_a_number_is_wanted() -> None:
    config = read("service: {local: true}\nconversation: {idle_timeout_s: 12, max_duration_s: 1.5e3}", "f")
    assert (config.conversation.idle_timeout_s, config.conversation.max_duration_s) == (12.0, 1500.0)
    assert isinstance(config.conversation.idle_timeout_s, float)


def test_turn_detection_is_handed_over_as_it_is() -> None:
    given = (
        "turn_detection: {type: azure_semantic_vad, threshold: .5, silence_duration_ms: 500, remove_filler_words: on, "
        "languages: [en, no], idle_timeout_ms: null, appended_text_after_truncation: '5', "
        "end_of_utterance_detection: {model: semantic_detection_v1, threshold_level: low}}"
    )
    assert service(given).turn_detection == {
        "type": "azure_semantic_vad",
        "threshold": 0.5,
        "silence_duration_ms": 500,
        "remove_filler_words": True,
        "languages": ["en", "no"],
        "idle_timeout_ms": None,
        "appended_text_after_truncation": "5",
        "end_of_utterance_detection": {"model": "semantic_detection_v1", "threshold_level": "low"},
    }


def test_every_light_that_can_be_dimmed_may_follow_voices_and_have_a_night() -> None:
    common = "patterns: {listening: level, greeting: pulse}, night: {between: '22:00-07:00', brightness: 3}"
    for light in ("type: pwm-led, pin: 1", "type: rgb-led, red: 1, green: 2, blue: 3", "type: apa102, count: 3"):
        (found,) = read(f"service: {{local: true}}\nlights: [{{{light}, {common}}}]", "f").lights
        assert not isinstance(found, Led)
        assert found.patterns == {State.LISTENING: "level", State.GREETING: "pulse"}
        assert found.night == Night(between="22:00-07:00", brightness=3)


def test_anchors_and_merged_mappings_may_be_used() -> None:
    text = """
service: {local: true}
lights:
  - &first {type: led, pin: 1, patterns: &looks {idle: on}}
  - {type: pwm-led, pin: 2, patterns: *looks}
  - {<<: *first, pin: 3}
  - {type: rgb-led, red: 4, green: 5, blue: 6}
"""
    looks: dict[State, Any] = {State.IDLE: "on"}
    assert read(text, "f").lights == [
        Led(pin=1, patterns=looks),
        PwmLed(pin=2, patterns=looks),
        Led(pin=3, patterns=looks),
        RgbLed(red=4, green=5, blue=6),
    ]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "welcome"),
        ("greetings: {welcome: {say: Hi}, other: {say: Hello}}", "welcome"),
        ("greetings: {other: {say: Hello}}", "none"),
        ("greetings: {}", "none"),
        ("triggers: [{type: button, pin: 1}]", "none"),
        ("triggers: [{type: button, pin: 1, greeting: welcome}]", "welcome"),
        ("greetings: {b: {say: Hi}}\ntriggers: [{type: button, pin: 1, greeting: b}, {type: button, pin: 2}]", "b"),
    ],
)
def test_a_press_from_nowhere_greets_as_the_first_trigger_does_or_else_with_welcome(text: str, name: str) -> None:
    assert read(f"service: {{local: true}}\n{text}", "f").default_greeting == name


def test_a_request_from_nowhere_is_for_the_assistant_of_the_first_button() -> None:
    triggers = "triggers: [{type: schedule, at: '07:00'}, {type: button, pin: 1, assistant: chef}]"
    assert (
        read(f"service: {{local: true}}\nassistants: {{chef: {{voice: alloy}}}}\n{triggers}", "f").default_assistant
        == "chef"
    )
    assert read("service: {local: true}", "f").default_assistant == "service"


def test_an_assistant_has_the_settings_of_the_service_but_for_its_own() -> None:
    text = """
service:
  local: true
  auth: entra
  agent: {name: concierge, project: hotel}
  voice: en-US-Ava
  phrase_list: [Fiona]
assistants:
  chef: {model: gpt-4o, instructions: Cook., phrase_list: []}
  guide: {agent: {name: guide, project: hotel}}
"""
    config = read(text, "f")
    chef, guide = config.of("chef").service, config.of("guide").service
    assert (chef.model, chef.agent, chef.instructions, chef.phrase_list) == ("gpt-4o", None, "Cook.", [])
    assert (guide.agent, guide.phrase_list) == (Agent("guide", "hotel"), ["Fiona"])
    assert chef.voice == guide.voice == "en-US-Ava"
    assert config.of("service") is config


def test_an_assistant_of_another_language_has_a_voice_of_it_unless_it_names_one() -> None:
    text = """
language: en-GB
service: {local: true, voice: en-GB-Ada}
assistants:
  cuisine: {language: fr-FR}
  koch: {language: de-DE, voice: de-DE-KatjaNeural}
  chef: {instructions: Cook.}
"""
    config = read(text, "f")
    spoken = {
        name: (config.of(name).language, config.of(name).voice) for name in ("cuisine", "koch", "chef", "service")
    }
    assert spoken == {
        "cuisine": ("fr-FR", "fr-FR-Vivienne:DragonHDLatestNeural"),
        "koch": ("de-DE", "de-DE-KatjaNeural"),
        "chef": ("en-GB", "en-GB-Ada"),
        "service": ("en-GB", "en-GB-Ada"),
    }
    assert config.of("cuisine").turn_detection["languages"] == ["fr"]
    assert config.languages == {"en-GB", "fr-FR", "de-DE"}


def test_placeholders_of_greetings_are_the_built_in_ones_and_those_under_names() -> None:
    text = """
service: {local: true}
names: {name: Lisa, room_2: kitchen}
greetings:
  a: {say: "{name} {room_2} {daypart} {time} {date} {weekday} {hostname} {since_last} {{braces}}"}
"""
    said = "{name} {room_2} {daypart} {time} {date} {weekday} {hostname} {since_last} {{braces}}"
    assert read(text, "f").greetings == {"a": Greeting(say=said)}


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://kitchen.services.ai.azure.com",
        "https://kitchen.services.ai.azure.com/",
        "wss://kitchen.cognitiveservices.azure.com:443",
        "https://gateway.example/speech?region=eu",
        "ws://localhost:8765",
        "http://127.0.0.1:8765/",
        "ws://127.1.2.3",
        "ws://[::1]:8765",
        "WSS://Example.com",
    ],
)
def test_an_endpoint_is_encrypted_or_on_this_machine(endpoint: str) -> None:
    assert read(f"service: {{endpoint: '{endpoint}'}}", "f").service.endpoint == endpoint


def test_what_is_read_is_what_msgspec_itself_makes_of_it() -> None:
    config = read(GOOD, "config.yaml")
    assert convert(to_builtins(config), Config) == config


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", None),
        ("triggers: [{type: wake-word, word: alexa}]", "stop"),
        ("triggers: [{type: wake-word, word: alexa}]\nstop_word: off", None),
        ("stop_word: stop", "stop"),
        ("stop_word: /words/halt.json", "/words/halt.json"),
    ],
)
def test_the_stop_word_is_listened_for_beside_a_wake_word_or_where_the_config_wants_it(
    text: str, word: str | None
) -> None:
    trigger = read(f"service: {{local: true}}\n{text}", "f").stop_trigger
    assert (trigger and trigger.word) == word
