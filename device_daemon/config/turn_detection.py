"""The names in `turn_detection`, which the service would refuse or, worse, ignore; its values pass as they are."""

from __future__ import annotations

from device_daemon.config.nodes import Mapping
from device_daemon.config.places import Places
from device_daemon.config.problems import Problems, instead, quoted
from device_daemon.config.settings import Service

_ALL = {
    "create_response",
    "interrupt_response",
    "auto_truncate",
    "end_of_utterance_detection",
    "idle_timeout_ms",
    "speech_duration_assistant_speaking_ms",
}
_BY_SOUND = _ALL | {"threshold", "prefix_padding_ms", "silence_duration_ms", "speech_duration_ms"}
_AZURE = _BY_SOUND | {"remove_filler_words", "appended_text_after_truncation"}

TYPES: dict[str, set[str]] = {
    "azure_semantic_vad": _AZURE | {"languages"},
    "azure_semantic_vad_en": _AZURE,
    "azure_semantic_vad_multilingual": _AZURE | {"languages"},
    "server_vad": _BY_SOUND,
    "semantic_vad": _ALL | {"eagerness"},
}
"""Every type this version knows, and its keys."""

END_OF_UTTERANCE = {"model", "threshold_level", "timeout_ms"}


def check_turn_detection(service: Service, places: Places, problems: Problems) -> None:
    """Note types and keys that the service does not know."""
    settings = service.turn_detection
    if places.node(service, "turn_detection") is None:
        return
    kind = settings.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        found = f"found {quoted(str(kind))}" if "type" in settings else "found no 'type'"
        spot = places.value(service, "turn_detection", "type")
        problems.add(spot, found + instead(str(kind), TYPES))
        return
    _check_keys(service, ("turn_detection",), TYPES[kind] | {"type"}, places, problems)
    _check_keys(service, ("turn_detection", "end_of_utterance_detection"), END_OF_UTTERANCE, places, problems)


def _check_keys(service: Service, steps: tuple[str, ...], known: set[str], places: Places, problems: Problems) -> None:
    node = places.node(service, *steps)
    for name in node.entries if isinstance(node, Mapping) else ():
        if name not in known:
            problems.add(places.key(service, *steps, name), f"unknown key{instead(name, sorted(known))}")
