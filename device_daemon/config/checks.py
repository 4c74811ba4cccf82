"""Semantic validation: rules that span several keys, or that look into a text, which no single type can express."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from device_daemon.config.endpoint import endpoint_flaw, proxy_flaw
from device_daemon.config.entra_checks import check_entra
from device_daemon.config.light_checks import check_lights
from device_daemon.config.nodes import Mapping, Scalar, Sequence
from device_daemon.config.placeholders import (
    BUILT_IN,
    IN_INSTRUCTIONS,
    REMEMBERED,
    MalformedText,
    is_name,
    placeholders,
)
from device_daemon.config.problems import Location, Problems, alternatives, dotted, nearest, quoted
from device_daemon.config.settings import NO_GREETING, SERVICE_ASSISTANT, Assistant, Config, Greeting, Service
from device_daemon.config.source_map import SourceMap
from device_daemon.config.tool_checks import check_on_event, check_tools
from device_daemon.config.trigger_checks import check_triggers
from device_daemon.config.turn_detection import check_turn_detection
from device_daemon.config.wake_words import Installed, check_wake_words

_PINS = ("pin", "red", "green", "blue", "switch_pin")
_WORDS = ("say", "say_one_of", "ask_model")


def check(config: Config, source_map: SourceMap, problems: Problems, installed: Installed | None = None) -> None:
    """Report every broken rule; a value that is invalid by itself was reported already and is skipped here.

    Without `installed`, any wake word is accepted.
    """
    if source_map.knows(config.service):
        _check_service(config.service, source_map, problems)
        _check_agent(config.service, config.service, source_map, problems)
        check_entra(config.service, source_map, problems)
        check_turn_detection(config.service, source_map, problems)
    _check_assistants(config, source_map, problems)
    _check_names(config, source_map, problems)
    _check_instructions(config, source_map, problems)
    _check_greetings(config, source_map, problems)
    greetings = dict.fromkeys([*(_keys(config, "greetings", source_map) or config.greetings), NO_GREETING])
    assistants = dict.fromkeys([*_keys(config, "assistants", source_map), SERVICE_ASSISTANT])
    check_triggers(config, greetings, assistants, source_map, problems)
    check_lights(config, source_map, problems)
    check_tools(config.tools, source_map, problems)
    check_on_event(config, source_map, problems)
    check_wake_words(config, source_map, problems, installed)
    _check_pins(config, source_map, problems)


def _check_service(service: Service, source_map: SourceMap, problems: Problems) -> None:
    given = _given(service, ("endpoint", "local"), source_map)
    local = source_map.value(service, "local")
    if service.local and "endpoint" in given:
        sentence = f"found true beside 'endpoint' ({problems.where(given['endpoint'], local)}); allowed: one of the two"
        problems.add(local, sentence)
    if "endpoint" not in given and not service.local and not problems.has_problem_at(local.path):
        sentence = (
            "found neither 'endpoint' nor 'local: true'; add a line 'endpoint: https://…' with the address of your "
            "Azure resource, or 'local: true' for the voice service on this machine"
        )
        problems.add(source_map.value(service), sentence)
    if service.endpoint is not None and (flaw := endpoint_flaw(service.endpoint)):
        problems.add(source_map.value(service, "endpoint"), flaw)
    if service.proxy is not None and (flaw := proxy_flaw(service.proxy)):
        problems.add(source_map.value(service, "proxy"), flaw)


def _check_assistants(config: Config, source_map: SourceMap, problems: Problems) -> None:
    if SERVICE_ASSISTANT in _keys(config, "assistants", source_map):
        sentence = (
            f"found an assistant called '{SERVICE_ASSISTANT}', which stands for that section; choose another name"
        )
        problems.add(source_map.key(config, "assistants", SERVICE_ASSISTANT), sentence)
    for assistant in config.assistants.values():
        if source_map.knows(assistant):
            _check_agent(assistant, config.service, source_map, problems)
            for index, name in enumerate(assistant.tools or []):
                if name not in config.tools.names:
                    where = source_map.value(assistant, "tools", index)
                    problems.add(where, f"found {quoted(name)}{alternatives(name, config.tools.names)}")


def _check_agent(one: Service | Assistant, service: Service, source_map: SourceMap, problems: Problems) -> None:
    if "agent" not in _given(one, ("agent",), source_map):
        return
    if service.auth != "entra" and source_map.knows(service):
        auth = source_map.value(service, "auth")
        if not problems.has_problem_at(auth.path):
            given = "'auth: api-key'" if source_map.node(service, "auth") else "no 'auth'"
            problems.add(auth, f"found {given} beside 'agent', which refuses API keys; write 'auth: entra'")
    for location in _given(one, ("model", "instructions"), source_map).values():
        if not problems.has_problem_at(location.path):
            problems.add(location, "found beside 'agent', which brings its own; allowed: one of the two")


def _check_names(config: Config, source_map: SourceMap, problems: Problems) -> None:
    for name in _keys(config, "names", source_map):
        if name in BUILT_IN:
            problems.add(source_map.key(config, "names", name), "found a name that is built in; choose another one")
        elif not is_name(name):
            sentence = "found a name that cannot stand in braces; allowed: letters, digits and '_', no digit first"
            problems.add(source_map.key(config, "names", name), sentence)


def _check_instructions(config: Config, source_map: SourceMap, problems: Problems) -> None:
    known = sorted(IN_INSTRUCTIONS | {name for name in _keys(config, "names", source_map) if is_name(name)})
    for one in filter(source_map.knows, (config.service, *config.assistants.values())):
        node = source_map.node(one, "instructions")
        if isinstance(node, Scalar):
            for sentence in _text_flaws(node.text, known, spoken=False):
                problems.add(source_map.value(one, "instructions"), sentence)


def _check_greetings(config: Config, source_map: SourceMap, problems: Problems) -> None:
    known = sorted(BUILT_IN | REMEMBERED | {name for name in _keys(config, "names", source_map) if is_name(name)})
    if NO_GREETING in _keys(config, "greetings", source_map):
        sentence = f"found a greeting called '{NO_GREETING}', which stands for no greeting; choose another name"
        problems.add(source_map.key(config, "greetings", NO_GREETING), sentence)
    for greeting in config.greetings.values():
        if not source_map.knows(greeting):
            continue
        given = _given(greeting, _WORDS, source_map)
        if not given:
            problems.add(source_map.value(greeting), f"found none of {', '.join(_WORDS)}; add one of them")
        for name, location in list(given.items())[1:]:
            first, at = next(iter(given.items()))
            where = problems.where(at, location)
            problems.add(location, f"found '{name}' beside '{first}' ({where}); allowed: one of {', '.join(_WORDS)}")
        for steps, text in _texts(greeting, source_map):
            for sentence in _text_flaws(text, known, spoken=steps[0] != "ask_model"):
                problems.add(source_map.value(greeting, *steps), sentence)


def _texts(greeting: Greeting, source_map: SourceMap) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield all texts of a greeting as they are written in the file."""
    for name in _WORDS:
        node = source_map.node(greeting, name)
        if isinstance(node, Scalar):
            yield (name,), node.text
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                if isinstance(item, Scalar):
                    yield (name, index), item.text


def _text_flaws(text: str, known: list[str], *, spoken: bool) -> Iterator[str]:
    if spoken and text.lstrip().lower().startswith(("<speak", "<?xml")):
        yield "found SSML; allowed: plain text, which the service speaks as it is written"
    try:
        names = placeholders(text)
    except MalformedText as error:
        yield str(error)
        return
    for name in dict.fromkeys(names):
        if name not in known:
            yield f"found the placeholder {quoted(f'{{{name}}}')}, which is neither built in nor under 'names'{alternatives(name, known)}"


def _check_pins(config: Config, source_map: SourceMap, problems: Problems) -> None:
    used = [
        (source_map.value(part, name), getattr(part, name))
        for part in (*config.triggers, *config.lights, config.mute)
        for name in _PINS
        if source_map.knows(part) and getattr(part, name, None) is not None
    ]
    # Included files come first, so that a clash is reported in the config itself, which is easier to change.
    used.sort(key=lambda use: (problems.origin(use[0].path) is problems, use[0].line, use[0].column))
    first: dict[int, Location] = {}
    for location, pin in used:
        if pin in first:
            user = f"{dotted(first[pin].path)} ({problems.where(first[pin], location)})"
            problems.add(location, f"found {pin}, which {user} uses already; give each a pin of its own")
        else:
            first[pin] = location


def _given(struct: Struct, names: tuple[str, ...], source_map: SourceMap) -> dict[str, Location]:
    """Return where the file sets any of `names`; a misspelt key counts too, because it is reported already."""
    node = source_map.node(struct)
    given = {}
    for key, entry in node.entries.items() if isinstance(node, Mapping) else ():
        name = key if key in struct.__struct_fields__ else nearest(key, names)
        if name in names and not (isinstance(entry.value, Scalar) and entry.value.is_null):
            given[name] = source_map.key(struct, key)
    return given


def _keys(config: Config, section: str, source_map: SourceMap) -> list[str]:
    """Return the keys the file has in a section, whether or not their values are valid."""
    node = source_map.node(config, section)
    return list(node.entries) if isinstance(node, Mapping) else []
