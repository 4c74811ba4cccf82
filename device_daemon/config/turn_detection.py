"""Validation of the names in `turn_detection` (VAD): the service would refuse or ignore a misspelt one."""

from __future__ import annotations

from device_daemon.config.nodes import Mapping
from device_daemon.config.problems import Problems, alternatives, quoted
from device_daemon.config.settings import Service
from device_daemon.config.source_map import SourceMap

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
"""Every VAD type this version knows, and its keys."""

END_OF_UTTERANCE = {"model", "threshold_level", "timeout_ms"}


def check_turn_detection(service: Service, source_map: SourceMap, problems: Problems) -> None:
    """Report types and keys that the service does not know; values are passed on as they are."""
    settings = service.turn_detection
    if not isinstance(source_map.node(service, "turn_detection"), Mapping):
        return  # not in the file, or reported already
    kind = settings.get("type")
    if not isinstance(kind, str) or kind not in TYPES:
        found = f"found {quoted(str(kind))}" if "type" in settings else "found no 'type'"
        location = source_map.value(service, "turn_detection", "type")
        problems.add(location, found + alternatives(str(kind), TYPES))
        return
    _check_keys(service, ("turn_detection",), TYPES[kind] | {"type"}, source_map, problems)
    _check_keys(service, ("turn_detection", "end_of_utterance_detection"), END_OF_UTTERANCE, source_map, problems)


def _check_keys(
    service: Service, steps: tuple[str, ...], known: set[str], source_map: SourceMap, problems: Problems
) -> None:
    node = source_map.node(service, *steps)
    for name in node.entries if isinstance(node, Mapping) else ():
        if name not in known:
            problems.add(source_map.key(service, *steps, name), f"unknown key{alternatives(name, sorted(known))}")
