from __future__ import annotations

from typing import Any

import pytest
from azure.ai.voicelive import models as sdk

from device_daemon.localservice import session_settings, turn_detection
from device_daemon.localservice.messages import Refusal
from device_daemon.localservice.model import Model
from device_daemon.localservice.vad import TurnSettings

REALTIME = Model("gpt-realtime")
CASCADE = Model("gpt-4o")


def opened(model: Model = REALTIME) -> dict[str, Any]:
    return session_settings.opened(model, session_id="sess_1", expires_at=1)


def updated(change: object, model: Model = REALTIME, **options: bool) -> dict[str, Any]:
    options = {"started": False, "voice_used": False} | options
    return session_settings.updated(opened(model), change, model, **options)


def refusal(change: object, model: Model = REALTIME) -> Refusal:
    with pytest.raises(Refusal) as caught:
        updated(change, model, started=True)
    return caught.value


def test_bare_server_vad_comes_back_with_all_its_defaults() -> None:
    assert updated({"turn_detection": {"type": "server_vad"}})["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 400,
        "silence_duration_ms": 500,
        "create_response": True,
        "interrupt_response": True,
        "idle_timeout_ms": None,
        "speech_duration_ms": None,
        "end_of_utterance_detection": None,
        "auto_truncate": False,
        "appended_text_after_truncation": None,
    }


def test_what_was_not_set_stays_as_it_was() -> None:
    before = opened()
    after = updated({"instructions": "Be brief."})
    assert {key for key in before if before[key] != after[key]} == {"instructions"}


def test_empty_instructions_are_as_good_as_none() -> None:
    assert updated({"instructions": ""})["instructions"] == session_settings.INSTRUCTIONS


def test_modalities_come_back_sorted() -> None:
    assert updated({"modalities": ["text", "audio"]})["modalities"] == ["audio", "text"]


def test_a_bare_voice_name_tells_its_kind() -> None:
    assert updated({"voice": "coral"})["voice"] == {"type": "openai", "name": "coral"}
    assert updated({"voice": "en-US-AvaNeural"})["voice"]["type"] == "azure-standard"


def test_an_azure_voice_comes_back_with_all_it_could_have_had() -> None:
    voice = updated({"voice": {"type": "azure-standard", "name": "en-US-Ava:DragonHDLatestNeural", "rate": "1.2"}})
    assert voice["voice"] == {
        "type": "azure-standard",
        "name": "en-US-Ava:DragonHDLatestNeural",
        "temperature": None,
        "custom_lexicon_url": None,
        "custom_text_normalization_url": None,
        "prefer_locales": None,
        "locale": None,
        "style": None,
        "pitch": None,
        "rate": "1.2",
        "volume": None,
    }


def test_null_turns_off_what_can_be_off_and_chooses_nothing_elsewhere() -> None:
    off = ["turn_detection", "input_audio_transcription", "input_audio_echo_cancellation", "avatar"]
    session = updated(dict.fromkeys([*off, "voice", "input_audio_format", "modalities"]), CASCADE)
    assert all(session[key] is None for key in off)
    assert session["voice"] == opened(CASCADE)["voice"]
    assert session["input_audio_format"] == "pcm16"


def test_g711_is_8_khz_unless_somebody_says_otherwise() -> None:
    assert updated({"input_audio_format": "g711_ulaw"})["input_audio_sampling_rate"] == 8_000


def test_keys_nobody_knows_are_passed_over() -> None:
    assert updated({"future": 1}) == opened()


EOU = {"model": "semantic_detection_v1", "timeout_ms": 1000}
CLIENT_EC = {"type": "server_echo_cancellation", "reference_source": "client", "channels": 2}


@pytest.mark.parametrize(
    ("change", "model", "code", "param"),
    [
        (
            {"input_audio_noise_reduction": {}},
            REALTIME,
            "invalid_session_update_message",
            "input_audio_noise_reduction",
        ),
        ({"turn_detection": {"type": "psychic"}}, REALTIME, "invalid_session_update_message", "turn_detection"),
        ({"turn_detection": {"type": "server_vad", "threshold": 2}}, REALTIME, None, "turn_detection.threshold"),
        ({"turn_detection": {"type": "server_vad", "silence_duration_ms": "x"}}, REALTIME, None, None),
        ({"turn_detection": {"type": "semantic_vad"}}, CASCADE, None, "turn_detection.type"),
        (
            {"turn_detection": {"type": "server_vad", "auto_truncate": True, "interrupt_response": False}},
            REALTIME,
            None,
            "turn_detection.auto_truncate",
        ),
        (
            {"turn_detection": {"type": "server_vad", "end_of_utterance_detection": EOU}},
            REALTIME,
            "invalid_request_error",
            "turn_detection.end_of_utterance_detection",
        ),
        ({"voice": {"type": "openai", "name": "alloy"}}, CASCADE, "invalid_voice_type", "voice"),
        ({"voice": {"type": "azure-standard", "name": "a"}}, Model("azure-realtime"), "invalid_voice_type", "voice"),
        ({"voice": {"type": "azure-realtime-native", "name": "ava"}}, REALTIME, "invalid_voice_type", "voice"),
        ({"voice": {"name": "alloy"}}, REALTIME, None, "voice"),
        ({"voice": {"type": "azure-standard", "name": ""}}, REALTIME, None, "voice.name"),
        ({"model": "gpt-4o"}, REALTIME, "invalid_model", "model"),
        ({"input_audio_format": "mp3"}, REALTIME, None, "input_audio_format"),
        ({"output_audio_format": "mp3"}, REALTIME, None, "output_audio_format"),
        ({"input_audio_sampling_rate": 12_000}, REALTIME, None, "input_audio_sampling_rate"),
        ({"input_audio_sampling_rate": 16_000}, REALTIME, "invalid_value", "input_audio_sampling_rate"),
        ({"output_audio_format": "pcm16_8000hz"}, REALTIME, "invalid_value", "output_audio_format"),
        (
            {"input_audio_echo_cancellation": CLIENT_EC},
            REALTIME,
            "change_in_ec_channels_not_allowed",
            "input_audio_echo_cancellation.channels",
        ),
        (
            {"input_audio_echo_cancellation": CLIENT_EC | {"channels": 1}},
            REALTIME,
            "invalid_ec_reference_channels",
            "input_audio_echo_cancellation",
        ),
        (
            {"input_audio_echo_cancellation": CLIENT_EC | {"reference_source": "server"}},
            REALTIME,
            "invalid_ec_channels_requires_client",
            "input_audio_echo_cancellation",
        ),
        (
            {"input_audio_echo_cancellation": CLIENT_EC, "input_audio_format": "g711_ulaw"},
            REALTIME,
            "invalid_ec_channels_format",
            "input_audio_echo_cancellation",
        ),
        (
            {"input_audio_transcription": {"model": "whisper-1", "phrase_list": ["x"]}},
            REALTIME,
            None,
            "input_audio_transcription.phrase_list",
        ),
        ({"input_audio_transcription": {"model": "ear"}}, REALTIME, None, "input_audio_transcription.model"),
        ({"interim_response": {"type": "static_interim_response"}}, REALTIME, None, "interim_response"),
        ({"tools": [{"type": "hammer"}]}, REALTIME, None, "tools[0]"),
        ({"tools": [{"type": "function"}]}, REALTIME, None, "tools[0]"),
        ({"temperature": "warm"}, REALTIME, None, "temperature"),
        ({"max_response_output_tokens": 0}, REALTIME, None, "max_response_output_tokens"),
        (None, REALTIME, None, None),
        ({"instructions": "x"}, Model("concierge", agent=True), "instructions_configuration_not_supported", None),
        ({"tools": [{}]}, Model("concierge", agent=True), "tools_configuration_not_supported", "tools"),
    ],
)
def test_what_the_service_does_not_allow_is_refused(
    change: object, model: Model, code: str | None, param: str | None
) -> None:
    found = refusal(change, model)
    assert code in (None, found.code)
    assert param is None or found.param == f"session.{param}"


def test_the_refusal_of_a_part_without_type_reads_like_the_services() -> None:
    assert "Unable to extract tag using discriminator 'type'" in refusal({"input_audio_noise_reduction": {}}).message


def test_formats_may_be_said_again_but_not_changed() -> None:
    session = updated({"input_audio_sampling_rate": 16_000})
    again = {"input_audio_sampling_rate": 16_000, "input_audio_format": "pcm16"}
    assert session_settings.updated(session, again, REALTIME, started=True, voice_used=True) == session


TURN_DETECTIONS = [
    sdk.ServerVad(threshold=0.5, prefix_padding_ms=300, silence_duration_ms=200, auto_truncate=True),
    sdk.AzureSemanticVad(speech_duration_ms=80, remove_filler_words=True, languages=["en"], create_response=False),
    sdk.AzureSemanticVadEn(interrupt_response=False),
    sdk.AzureSemanticVadMultilingual(languages=["en", "de"]),
    sdk.ServerVad(end_of_utterance_detection=sdk.AzureSemanticDetection(timeout_ms=1000, threshold_level="low")),
    sdk.AzureSemanticVad(end_of_utterance_detection=sdk.AzureSemanticDetectionMultilingual()),
    None,
]
VOICES = [
    sdk.AzureStandardVoice(name="en-US-AvaNeural", temperature=0.8, rate="1.0", prefer_locales=["en-IN"]),
    sdk.AzureCustomVoice(name="mine", endpoint_id="e"),
    sdk.AzurePersonalVoice(name="mine", model="DragonLatestNeural"),
    sdk.AzureAvatarVoiceSyncVoice(model="DragonLatestNeural"),
]


@pytest.mark.parametrize("turns", TURN_DETECTIONS)
@pytest.mark.parametrize("voice", VOICES)
def test_every_field_of_the_sdks_session_is_accepted_and_echoed(turns: Any, voice: Any) -> None:
    session = sdk.RequestSession(
        model="gpt-4o",
        modalities=["text", "audio"],
        animation=sdk.Animation(outputs=["viseme_id"]),
        voice=voice,
        instructions="Be brief.",
        input_audio_sampling_rate=16_000,
        input_audio_format="pcm16",
        output_audio_format="pcm16_16000hz",
        turn_detection=turns,
        input_audio_noise_reduction=sdk.AudioNoiseReduction(type="near_field"),
        input_audio_echo_cancellation=sdk.AudioEchoCancellation(reference_source="client", channels=2),
        avatar=sdk.AvatarConfig(character="lisa", customized=False),
        input_audio_transcription=sdk.AudioInputTranscriptionOptions(model="azure-speech", phrase_list=["x"]),
        output_audio_timestamp_types=["word"],
        tools=[
            sdk.FunctionTool(name="get_time", description="d", parameters={"type": "object"}),
            sdk.MCPServer(server_label="x", server_url="https://x", require_approval="never"),
        ],
        tool_choice=sdk.ToolChoiceFunctionSelection(name="get_time"),
        parallel_tool_calls=False,
        temperature=0.7,
        max_response_output_tokens=100,
        reasoning_effort="low",
        interim_response=sdk.StaticInterimResponseConfig(texts=["One moment."], triggers=["latency"]),
        include=["item.input_audio_transcription.logprobs"],
        metadata={"a": "b"},
    ).as_dict()
    echo = updated(session, CASCADE)
    parsed = sdk.ServerEventSessionUpdated({"type": "session.updated", "session": echo}).session
    assert isinstance(parsed, sdk.ResponseSession)
    for key, value in session.items():
        if isinstance(value, dict):
            assert value.items() <= echo[key].items() or key == "turn_detection"
        elif key != "modalities":
            assert echo[key] == value


def test_nulls_of_the_echo_are_the_documented_defaults() -> None:
    azure = updated({"turn_detection": {"type": "azure_semantic_vad"}})["turn_detection"]
    assert azure["prefix_padding_ms"] is None
    assert turn_detection.effective(azure) == TurnSettings(0.5, 420, 500, 80, 80)
    server = updated({"turn_detection": {"type": "server_vad", "speech_duration_assistant_speaking_ms": 800}})
    assert turn_detection.effective(server["turn_detection"]) == TurnSettings(0.5, 400, 500, 200, 800)
    eager = updated({"turn_detection": {"type": "semantic_vad", "eagerness": "high"}})["turn_detection"]
    settings = turn_detection.effective(eager)
    assert settings is not None
    assert settings.silence_duration_ms == 300
