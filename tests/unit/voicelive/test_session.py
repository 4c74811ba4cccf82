"""What the config asks of a session, checked against the SDK's own models."""

from __future__ import annotations

from typing import Any

import pytest
from azure.ai.voicelive import models
from msgspec.structs import replace

from device_daemon.audio.echo.modes import EchoMode
from device_daemon.config.settings import Agent, Assistant, Config, ConversationLimits, Service
from device_daemon.config.turn_detection import TYPES
from device_daemon.language import locales
from device_daemon.voicelive.session import OPENAI_VOICES, session_for, voice

SDK_TYPES = {
    "azure_semantic_vad": "AzureSemanticVad",
    "azure_semantic_vad_en": "AzureSemanticVadEn",
    "azure_semantic_vad_multilingual": "AzureSemanticVadMultilingual",
    "server_vad": "ServerVad",
}
SDK: Any = models
"""The same, where its insides are looked at, which have no types."""
FULL = Config(
    service=Service(
        local=True,
        instructions="Be brief.",
        turn_detection={
            "type": "azure_semantic_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
            "remove_filler_words": True,
            "languages": ["en"],
            "end_of_utterance_detection": {"model": "semantic_detection_v1", "timeout_ms": 1000},
        },
        transcription=True,
    )
)


def local(**settings: Any) -> Config:
    return Config(service=Service(local=True, **settings))


def on_the_wire(config: Config) -> dict[str, Any]:
    return session_for(config).as_dict()


def as_the_sdk_reads_it(config: Config) -> models.RequestSession:
    read = SDK.RequestSession._deserialize(on_the_wire(config), [])
    assert isinstance(read, models.RequestSession)
    return read


@pytest.mark.parametrize("config", [FULL, local(), local(voice="alloy", noise_reduction="off")])
def test_the_sdk_understands_every_key_and_would_send_the_same(config: Config) -> None:
    session = on_the_wire(config)
    assert set(session) <= set(SDK.RequestSession()._attr_to_rest_field)
    assert as_the_sdk_reads_it(config).as_dict() == session


def test_the_sdk_sees_the_types_that_were_meant() -> None:
    session = as_the_sdk_reads_it(FULL)
    assert isinstance(session.turn_detection, models.AzureSemanticVad)
    assert isinstance(SDK.AzureVoice._deserialize(session.voice, []), models.AzureStandardVoice)
    assert isinstance(session.input_audio_noise_reduction, models.AudioNoiseReduction)
    assert isinstance(session.input_audio_echo_cancellation, models.AudioEchoCancellation)
    assert session.input_audio_format == models.InputAudioFormat.PCM16
    assert session.input_audio_sampling_rate == 24_000
    assert session.instructions == "Be brief."


def test_words_to_expect_are_passed_on_and_have_what_is_said_transcribed() -> None:
    session = as_the_sdk_reads_it(local(phrase_list=["Fiona", "Weissbier"]))
    assert session.input_audio_transcription is not None
    assert session.input_audio_transcription.as_dict() == {
        "model": "azure-speech",
        "phrase_list": ["Fiona", "Weissbier"],
    }


def test_an_assistants_session_is_that_of_the_service_but_for_what_the_assistant_sets() -> None:
    chef = Assistant(model="gpt-4o", voice="alloy", instructions="Cook.", phrase_list=["julienne"])
    config = replace(FULL, assistants={"chef": chef})
    ours, theirs = on_the_wire(config), on_the_wire(config.of("chef"))
    assert on_the_wire(config.of("service")) == ours
    assert {key for key in theirs if theirs[key] != ours.get(key)} == {
        "voice",
        "instructions",
        "input_audio_transcription",
    }
    assert (theirs["voice"]["name"], theirs["instructions"]) == ("alloy", "Cook.")


def test_nothing_is_null_for_the_service_has_defaults_of_its_own() -> None:
    assert None not in on_the_wire(local()).values()
    assert on_the_wire(local()).keys().isdisjoint({"instructions", "input_audio_transcription"})


def test_every_voice_that_the_sdk_knows_as_openais_is_asked_for_as_such() -> None:
    assert {name.value for name in models.OpenAIVoiceName} <= OPENAI_VOICES
    assert voice("marin").as_dict() == {"type": "openai", "name": "marin"}
    assert voice("en-US-Ava:DragonHDLatestNeural")["type"] == "azure-standard"


def test_the_speaker_truncates_by_itself_for_only_it_knows_what_was_heard() -> None:
    assert on_the_wire(local())["turn_detection"] == {
        "type": "azure_semantic_vad",
        "create_response": True,
        "interrupt_response": True,
        "auto_truncate": False,
    }


@pytest.mark.parametrize(
    ("language", "turn_detection"),
    [
        (None, {"type": "azure_semantic_vad"}),
        ("en-GB", {"type": "azure_semantic_vad"}),
        ("de-AT", {"type": "azure_semantic_vad_multilingual", "languages": ["de"]}),
        ("ja", {"type": "azure_semantic_vad_multilingual", "languages": ["ja"]}),
        ("pl-PL", {"type": "azure_semantic_vad_multilingual"}),
    ],
)
def test_the_turn_detection_is_one_that_understands_the_language(
    language: locales.Tag | None, turn_detection: dict[str, object]
) -> None:
    sent = on_the_wire(Config(Service(local=True), language=language))["turn_detection"]
    assert sent.items() >= turn_detection.items()
    assert ("languages" in sent) is ("languages" in turn_detection)


def test_the_voice_and_the_transcription_are_of_the_language_unless_the_config_names_a_voice() -> None:
    german = Config(Service(local=True, transcription=True), language="de-DE")
    assert on_the_wire(german)["voice"]["name"] == "de-DE-Seraphina:DragonHDLatestNeural"
    assert on_the_wire(german)["input_audio_transcription"] == {"model": "azure-speech", "language": "de-DE"}
    assert on_the_wire(local(transcription=True))["input_audio_transcription"] == {"model": "azure-speech"}
    assert on_the_wire(Config(Service(local=True, voice="marin"), language="de-DE"))["voice"]["name"] == "marin"


def test_a_speaker_that_may_not_be_talked_over_has_the_service_finish_its_answers() -> None:
    config = Config(service=Service(local=True), conversation=ConversationLimits(interruptible=False))
    assert on_the_wire(config)["turn_detection"]["interrupt_response"] is False


def test_what_the_config_says_about_turn_detection_has_the_last_word() -> None:
    config = local(turn_detection={"type": "server_vad", "interrupt_response": False, "threshold": 0.7})
    assert on_the_wire(config)["turn_detection"]["interrupt_response"] is False
    assert on_the_wire(config)["turn_detection"]["threshold"] == 0.7
    assert isinstance(session_for(config).turn_detection, models.ServerVad)


def test_what_the_sdk_has_no_type_for_is_sent_as_the_config_says_it() -> None:
    config = local(turn_detection={"type": "semantic_vad", "eagerness": "low"})
    assert on_the_wire(config)["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": True,
        "auto_truncate": False,
    }
    appended = {"type": "azure_semantic_vad", "appended_text_after_truncation": "...", "idle_timeout_ms": 5_000}
    assert appended.items() <= on_the_wire(local(turn_detection=appended))["turn_detection"].items()


@pytest.mark.parametrize("kind", TYPES)
def test_the_config_knows_every_turn_detection_setting_of_the_sdk_and_only_these_beyond_it(kind: str) -> None:
    model = getattr(models, SDK_TYPES[kind]) if kind in SDK_TYPES else None
    known = set(model()._attr_to_rest_field) - {"type"} if model else set()
    beyond = TYPES[kind] - known
    assert known <= TYPES[kind]
    if model:
        assert beyond <= {
            "appended_text_after_truncation",
            "idle_timeout_ms",
            "speech_duration_assistant_speaking_ms",
            "speech_duration_ms",
        }


@pytest.mark.parametrize("mode", [EchoMode.HARDWARE, EchoMode.LOCAL, EchoMode.HALF_DUPLEX])
def test_the_service_cancels_echo_only_where_nobody_else_does(mode: EchoMode) -> None:
    assert "input_audio_echo_cancellation" not in session_for(local(), echo=mode).as_dict()
    by_service = session_for(local(), echo=EchoMode.SERVICE).as_dict()["input_audio_echo_cancellation"]
    assert by_service == {"type": "server_echo_cancellation"}


def test_with_the_clients_reference_two_channels_are_announced() -> None:
    asked = session_for(local(), echo=EchoMode.CLIENT_REFERENCE).as_dict()["input_audio_echo_cancellation"]
    assert asked == {"type": "server_echo_cancellation", "reference_source": "client", "channels": 2}


def test_an_agent_gets_no_instructions_for_it_refuses_them() -> None:
    agent = Agent(name="butler", project="home")
    session = on_the_wire(local(agent=agent, auth="entra", instructions="Be brief."))
    assert "instructions" not in session


def test_two_sessions_do_not_share_what_is_in_them() -> None:
    session_for(FULL)["turn_detection"]["type"] = "spoilt"
    assert on_the_wire(FULL)["turn_detection"]["type"] == "azure_semantic_vad"


def test_placeholders_in_instructions_are_filled_in() -> None:
    config = Config(Service(local=True, instructions="It is {time}. Say {{ok}}."))
    assert session_for(config, {"time": "07:30"}).instructions == "It is 07:30. Say {ok}."
