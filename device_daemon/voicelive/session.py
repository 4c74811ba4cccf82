"""The session settings (session.update) that the config asks for, in the SDK's types.

Importing this brings in the SDK's models: `client` does so late.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from socket import gethostname
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from azure.ai.voicelive import models

from device_daemon import __version__
from device_daemon.audio.echo.modes import EchoMode
from device_daemon.config.settings import Config, InterimResponse
from device_daemon.greetings.opening import fill

INPUT_RATE_HZ: Final = 24_000
NO_PLACEHOLDERS: Final[Mapping[str, str]] = MappingProxyType({})
Tools: TypeAlias = Sequence[Mapping[str, Any]]
"""Definitions of functions and of MCP servers, as session.update lists them."""
STEREO: Final = 2
METADATA_CHARACTERS: Final = 512
"""Of one value, as in OpenAI's API, which the field is taken from."""
OPENAI_VOICES: Final = frozenset(voice.value for voice in models.OpenAIVoiceName) | {"fable", "nova", "onyx"}
"""The realtime models' own voices; OpenAI documents three that the SDK does not list."""

_SdkVad: TypeAlias = (
    models.AzureSemanticVad | models.AzureSemanticVadEn | models.AzureSemanticVadMultilingual | models.ServerVad
)
_TURN_DETECTION: Final[dict[str, type[_SdkVad]]] = {
    "azure_semantic_vad": models.AzureSemanticVad,
    "azure_semantic_vad_en": models.AzureSemanticVadEn,
    "azure_semantic_vad_multilingual": models.AzureSemanticVadMultilingual,
    "server_vad": models.ServerVad,
}


def voice(name: str) -> models.OpenAIVoice | models.AzureStandardVoice:
    """Return the voice of a name: one of the realtime models' own, or an Azure voice."""
    return models.OpenAIVoice(name=name) if name in OPENAI_VOICES else models.AzureStandardVoice(name=name)


def session_for(
    config: Config,
    placeholders: Mapping[str, str] = NO_PLACEHOLDERS,
    *,
    echo: EchoMode = EchoMode.SERVICE,
    tools: Tools = (),
) -> models.RequestSession:
    """Return everything this speaker asks of a session, with the echo mode in force and the `tools` of the device.

    What the config leaves out is left to the service, but for `interrupt_response`, which follows
    `conversation.interruptible`, and `auto_truncate`: the service would guess what was heard, we know.
    """
    service = config.service
    session = models.RequestSession(
        modalities=[models.Modality.TEXT, models.Modality.AUDIO],
        voice=voice(config.voice),
        turn_detection=_turn_detection(config),
        input_audio_format=models.InputAudioFormat.PCM16,
        output_audio_format=models.OutputAudioFormat.PCM16,
        input_audio_sampling_rate=INPUT_RATE_HZ,
    )
    if service.instructions and service.agent is None:  # an agent brings its own and refuses ours
        session.instructions = fill(service.instructions, placeholders)
    if tools and service.agent is None:  # an agent brings its own and refuses ours
        session.tools = [_tool(tool) for tool in tools]
        session.tool_choice = models.ToolChoiceLiteral.AUTO
    if service.interim_response is not None:
        session.interim_response = _interim_response(service.interim_response)
    if echo is EchoMode.SERVICE:
        session.input_audio_echo_cancellation = models.AudioEchoCancellation()
    elif echo is EchoMode.CLIENT_REFERENCE:
        session.input_audio_echo_cancellation = models.AudioEchoCancellation(
            reference_source=models.EchoCancellationReferenceSource.CLIENT, channels=STEREO
        )
    if service.noise_reduction != "off":
        session.input_audio_noise_reduction = models.AudioNoiseReduction(type=service.noise_reduction)
    if service.transcription or service.phrase_list:
        session.input_audio_transcription = models.AudioInputTranscriptionOptions(
            model="azure-speech", language=config.language
        )
    if service.phrase_list and session.input_audio_transcription:
        session.input_audio_transcription.phrase_list = service.phrase_list
    return session


def metadata(trigger: str = "") -> dict[str, str]:
    """Return the session's metadata: which device, which version of this program, and what opened the conversation."""
    known = {"device": gethostname(), "version": __version__, "trigger": trigger}
    return {name: value[:METADATA_CHARACTERS] for name, value in known.items() if value}


def _tool(definition: Mapping[str, Any]) -> models.Tool:
    fields = {name: value for name, value in definition.items() if name != "type"}
    return models.MCPServer(**fields) if definition["type"] == "mcp" else models.FunctionTool(**fields)


def _interim_response(
    settings: InterimResponse,
) -> models.StaticInterimResponseConfig | models.LlmInterimResponseConfig:
    """Return what the service says by itself while its model or a tool takes long."""
    triggers: list[str | models.InterimResponseTrigger] = [*settings.triggers]
    kind: models.StaticInterimResponseConfig | models.LlmInterimResponseConfig
    if settings.texts:
        kind = models.StaticInterimResponseConfig(triggers=triggers, texts=settings.texts)
    else:
        kind = models.LlmInterimResponseConfig(triggers=triggers, instructions=settings.instructions)
    kind.latency_threshold_ms = settings.latency_threshold_ms
    return kind


def _turn_detection(config: Config) -> models.TurnDetection:
    """Return the turn detection (VAD) of the config.

    The one place where a mapping goes on top of the SDK's types, for what they lack: the type semantic_vad (the
    realtime models' own, which takes ServerVad's place), and the keys appended_text_after_truncation, idle_timeout_ms
    and speech_duration_assistant_speaking_ms. config/turn_detection.py has checked the names.
    """
    settings = config.turn_detection
    detection = _TURN_DETECTION.get(str(settings.get("type")), models.ServerVad)(
        create_response=True, interrupt_response=config.conversation.interruptible, auto_truncate=False
    )
    detection.update(settings)
    return detection
