"""Whatever a file holds, it becomes a config or a list of problems: nothing else, and soon."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import convert, inspect, to_builtins

from device_daemon.config.placeholders import BUILT_IN, MalformedText, placeholders
from device_daemon.config.reader import read
from device_daemon.config.settings import Config
from device_daemon.errors import ConfigError
from device_daemon.greetings.opening import fill
from tests.unit.config.cases import GOOD

LINES = [line for line in GOOD.splitlines() if line.strip() and not line.lstrip().startswith("#")]
MESSAGE = re.compile(r"f:[1-9][0-9]*:[1-9][0-9]*: \S.*|f: [0-9]+ more problems; fix these first")

words = sorted(set(re.findall(r"[\w-]+", GOOD)) | {"on", "~", "07:30", "017", "0x1", "1e9", ".nan", "{name}", "<<"})
scalars = st.one_of(
    st.sampled_from(words), st.text(max_size=8), st.integers(), st.floats(), st.booleans(), st.none(), st.dates()
)
structures = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(words) | scalars, inner, max_size=4),
    max_leaves=12,
)


def outcome(text: str) -> Config | None:
    """Read `text`; what comes out must satisfy msgspec, or consist of messages with their source_map."""
    problems: list[str] = []
    config = None
    try:
        config = read(text, "f")
    except ConfigError as error:
        problems = error.problems
    assert problems or convert(to_builtins(config), Config) == config
    for line in problems:
        assert MESSAGE.fullmatch(line), line
        assert line.isprintable(), line
    return config


@given(st.text())
def test_any_text(text: str) -> None:
    outcome(text)


@given(st.text(alphabet="ab:-?[]{},#&*!|>'\"%@` \n\t\\<~=0", max_size=60))
def test_any_text_of_what_yaml_gives_a_meaning_to(text: str) -> None:
    outcome(text)


@given(st.text(alphabet="ab:-?[]{},#&*!|>'\"%@` \n\t\\<~=0", max_size=20), st.integers(0, len(GOOD)))
def test_the_shipped_file_with_anything_written_into_it(text: str, at: int) -> None:
    outcome(GOOD[:at] + text + GOOD[at:])


@given(st.integers(0, len(GOOD)), st.integers(0, 300))
def test_the_shipped_file_with_anything_cut_out_of_it(at: int, length: int) -> None:
    outcome(GOOD[:at] + GOOD[at + length :])


@given(st.lists(st.sampled_from(LINES), max_size=20))
def test_any_lines_of_the_shipped_file_in_any_order(lines: list[str]) -> None:
    outcome("\n".join(lines))


@given(structures)
def test_any_structure(structure: Any) -> None:
    outcome(yaml.safe_dump(structure))


def keys_of(wanted: inspect.Type) -> st.SearchStrategy[Any]:
    """Return structures with the right keys and, now and then, the right values."""
    match wanted:
        case inspect.Metadata(type=inner):
            return keys_of(inner)
        case inspect.UnionType(types=types):
            return st.one_of([keys_of(kind) for kind in types])
        case inspect.StructType(fields=fields, tag_field=tag_field, tag=tag):
            keys = st.fixed_dictionaries({}, optional={field.name: keys_of(field.type) for field in fields})
            return keys if tag_field is None else keys.map(lambda found: {tag_field: tag} | found)
        case inspect.ListType(item_type=item):
            return st.lists(keys_of(item), max_size=3)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(keys_of(key).map(str), keys_of(value), max_size=3)
        case inspect.IntType() | inspect.FloatType():
            return st.integers(0, 60) | scalars
        case inspect.BoolType():
            return st.booleans() | scalars
        case inspect.LiteralType(values=values):
            return st.sampled_from(values) | scalars
    return st.sampled_from(words) | scalars


@settings(max_examples=300)
@given(keys_of(inspect.type_info(Config)), structures, st.booleans())
def test_any_values_under_the_right_keys(document: Any, other: Any, flow: bool) -> None:
    outcome(yaml.safe_dump({"service": {"local": True}} | document, default_flow_style=flow))
    outcome(yaml.safe_dump(document | {"lights": [other], "names": other}, default_flow_style=flow))


@pytest.mark.parametrize("character", list("[{-?:,&*!|>'\"%@`#\\ \n\t<~x"))
def test_a_mebibyte_of_anything(character: str) -> None:
    outcome(character * 1_048_576)
    outcome(f"{character} " * 524_288)
    outcome(GOOD + character * 900_000)


@given(st.text(alphabet="{}ab_1:!. ", max_size=30))
def test_what_passes_as_a_greeting_can_be_filled_in(text: str) -> None:
    try:
        names = placeholders(text)
    except MalformedText:
        assert set(text) & {"{", "}"}
    else:
        fill(text, dict.fromkeys([*names, *BUILT_IN], "x"))
