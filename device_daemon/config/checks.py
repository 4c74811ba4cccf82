"""Rules that no single type can express: they span several keys, or look into a text."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from device_daemon.config.endpoint import endpoint_flaw, proxy_flaw
from device_daemon.config.nodes import Mapping, Scalar, Sequence
from device_daemon.config.placeholders import BUILT_IN, MalformedText, is_name, placeholders
from device_daemon.config.places import Places
from device_daemon.config.problems import Problems, Spot, dotted, instead, nearest, quoted
from device_daemon.config.settings import NO_GREETING, Config, Greeting, Service
from device_daemon.config.trigger_checks import check_triggers
from device_daemon.config.turn_detection import check_turn_detection
from device_daemon.config.wake_words import Installed, check_wake_words

_PINS = ("pin", "red", "green", "blue", "switch_pin")
_WORDS = ("say", "say_one_of", "ask_model")


def check(config: Config, places: Places, problems: Problems, installed: Installed | None = None) -> None:
    """Note every breach of the rules; what was wrong in itself is noted already and is not told of twice.

    Without `installed`, any wake word will do.
    """
    if places.knows(config.service):
        _check_service(config.service, places, problems)
        _check_agent(config.service, places, problems)
        check_turn_detection(config.service, places, problems)
    _check_names(config, places, problems)
    _check_greetings(config, places, problems)
    greetings = dict.fromkeys([*(_keys(config, "greetings", places) or config.greetings), NO_GREETING])
    check_triggers(config, greetings, places, problems)
    check_wake_words(config, places, problems, installed)
    _check_pins(config, places, problems)


def _check_service(service: Service, places: Places, problems: Problems) -> None:
    given = _given(service, ("endpoint", "local"), places)
    local = places.value(service, "local")
    if service.local and "endpoint" in given:
        told = f"found true beside 'endpoint' ({problems.where(given['endpoint'], local)}); allowed: one of the two"
        problems.add(local, told)
    if "endpoint" not in given and not service.local and not problems.noted(local.path):
        told = (
            "found neither 'endpoint' nor 'local: true'; add a line 'endpoint: https://…' with the address of your "
            "Azure resource, or 'local: true' for the voice service on this machine"
        )
        problems.add(places.value(service), told)
    if service.endpoint is not None and (flaw := endpoint_flaw(service.endpoint)):
        problems.add(places.value(service, "endpoint"), flaw)
    if service.proxy is not None and (flaw := proxy_flaw(service.proxy)):
        problems.add(places.value(service, "proxy"), flaw)


def _check_agent(service: Service, places: Places, problems: Problems) -> None:
    if "agent" not in _given(service, ("agent",), places):
        return
    auth = places.value(service, "auth")
    if service.auth != "entra" and not problems.noted(auth.path):
        given = "'auth: api-key'" if places.node(service, "auth") else "no 'auth'"
        problems.add(auth, f"found {given} beside 'agent', which refuses API keys; write 'auth: entra'")
    for spot in _given(service, ("model", "instructions"), places).values():
        if not problems.noted(spot.path):
            problems.add(spot, "found beside 'agent', which brings its own; allowed: one of the two")


def _check_names(config: Config, places: Places, problems: Problems) -> None:
    for name in _keys(config, "names", places):
        if name in BUILT_IN:
            problems.add(places.key(config, "names", name), "found a name that is built in; choose another one")
        elif not is_name(name):
            told = "found a name that cannot stand in braces; allowed: letters, digits and '_', no digit first"
            problems.add(places.key(config, "names", name), told)


def _check_greetings(config: Config, places: Places, problems: Problems) -> None:
    known = sorted(BUILT_IN | {name for name in _keys(config, "names", places) if is_name(name)})
    if NO_GREETING in _keys(config, "greetings", places):
        told = f"found a greeting called '{NO_GREETING}', which stands for no greeting; choose another name"
        problems.add(places.key(config, "greetings", NO_GREETING), told)
    for greeting in config.greetings.values():
        if not places.knows(greeting):
            continue
        given = _given(greeting, _WORDS, places)
        if not given:
            problems.add(places.value(greeting), f"found none of {', '.join(_WORDS)}; add one of them")
        for name, spot in list(given.items())[1:]:
            first, at = next(iter(given.items()))
            where = problems.where(at, spot)
            problems.add(spot, f"found '{name}' beside '{first}' ({where}); allowed: one of {', '.join(_WORDS)}")
        for steps, text in _texts(greeting, places):
            for sentence in _text_flaws(text, known, spoken=steps[0] != "ask_model"):
                problems.add(places.value(greeting, *steps), sentence)


def _texts(greeting: Greeting, places: Places) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Yield all texts of a greeting as they stand in the file."""
    for name in _WORDS:
        node = places.node(greeting, name)
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
            yield f"found the placeholder {quoted(f'{{{name}}}')}, which is neither built in nor under 'names'{instead(name, known)}"


def _check_pins(config: Config, places: Places, problems: Problems) -> None:
    used = [
        (places.value(part, name), getattr(part, name))
        for part in (*config.triggers, *config.lights, config.mute)
        for name in _PINS
        if places.knows(part) and getattr(part, name, None) is not None
    ]
    # What is included comes first: the config itself is the easier one to mend.
    used.sort(key=lambda use: (problems.origin(use[0].path) is problems, use[0].line, use[0].column))
    first: dict[int, Spot] = {}
    for spot, pin in used:
        if pin in first:
            user = f"{dotted(first[pin].path)} ({problems.where(first[pin], spot)})"
            problems.add(spot, f"found {pin}, which {user} uses already; give each a pin of its own")
        else:
            first[pin] = spot


def _given(struct: Struct, names: tuple[str, ...], places: Places) -> dict[str, Spot]:
    """Return where the file gives values to those of `names`; a slip of the pen counts, being noted already."""
    node = places.node(struct)
    given = {}
    for key, entry in node.entries.items() if isinstance(node, Mapping) else ():
        name = key if key in struct.__struct_fields__ else nearest(key, names)
        if name in names and not (isinstance(entry.value, Scalar) and entry.value.is_null):
            given[name] = places.key(struct, key)
    return given


def _keys(config: Config, section: str, places: Places) -> list[str]:
    """Return the keys the file has in a section, whether or not their values are right."""
    node = places.node(config, section)
    return list(node.entries) if isinstance(node, Mapping) else []
