"""The session.update that the config asks for. Pure: settings in, the wire's own mapping out."""

from __future__ import annotations

from typing import Any

from device_daemon.config.settings import Config

INPUT_RATE_HZ = 24_000
OPENAI_VOICES = frozenset(
    {"alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "onyx", "nova", "sage", "shimmer", "verse"}
)


def voice(name: str) -> dict[str, Any]:
    """The voice object for a voice's name: one of the realtime models' own, or an Azure voice."""
    return {"type": "openai" if name in OPENAI_VOICES else "azure-standard", "name": name}


def session_for(config: Config) -> dict[str, Any]:
    """Everything this speaker asks of a session.

    What the config leaves out is left to the service, but for `interrupt_response`, which follows
    `conversation.interruptible`, and `auto_truncate`: the service would guess what was heard, we know.
    """
    service = config.service
    turn_detection = {
        "create_response": True,
        "interrupt_response": config.conversation.interruptible,
        "auto_truncate": False,
    } | service.turn_detection
    session: dict[str, Any] = {
        "modalities": ["text", "audio"],
        "voice": voice(service.voice),
        "turn_detection": turn_detection,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_sampling_rate": INPUT_RATE_HZ,
    }
    if service.instructions and service.agent is None:  # an agent brings its own and refuses ours
        session["instructions"] = service.instructions
    if config.audio.echo == "service":
        session["input_audio_echo_cancellation"] = {"type": "server_echo_cancellation"}
    if service.noise_reduction != "off":
        session["input_audio_noise_reduction"] = {"type": service.noise_reduction}
    if service.transcription:
        session["input_audio_transcription"] = {"model": "azure-speech"}
    return session
