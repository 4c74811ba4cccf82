"""What is said about files that are no YAML, or not text at all."""

from __future__ import annotations

import pytest

from tests.unit.config.cases import LOCAL, Case, check, problems

EMPTY = (
    "found an empty file; allowed: at least 'service:' and below it 'endpoint: https://…' with the address of your "
    "Azure resource, or 'local: true' for the voice service on this machine"
)


@pytest.mark.parametrize(
    "case",
    [
        Case("a tab", "service:\n\tlocal: true\n", "2:1: found a tab; allowed: spaces, two for each level"),
        Case(
            "a tab after spaces",
            "service:\n  local: true\n \tmodel: x\n",
            "3:2: found a tab; allowed: spaces, two for each level",
        ),
        Case(
            "a placeholder without quotes",
            LOCAL + "greetings:\n  a:\n    say: {name}, hello\n",
            "4:10: found {name} in a text without quotes; put the whole text in quotes",
        ),
        Case(
            "a placeholder without quotes in a list",
            LOCAL + "greetings: {a: {say_one_of: [{name} here]}}",
            "2:30: found {name} in a text without quotes; put the whole text in quotes",
        ),
        Case(
            "a placeholder in the middle of a text in braces",
            LOCAL + "greetings: {a: {say: Hi {name}}}",
            "2:25: found {name} in a text without quotes; put the whole text in quotes",
        ),
        Case(
            "two texts without a comma",
            LOCAL + "greetings: {a: {say_one_of: ['Hi' 'Hello']}}",
            "2:29: found no end of the '[' here; close it with ']', or check the commas up to line 2",
        ),
        Case(
            "a placeholder in the middle of a text in a list",
            LOCAL + "greetings: {a: {say_one_of: [Hi {name}!]}}",
            "2:33: found {name} in a text without quotes; put the whole text in quotes",
        ),
        Case(
            "a colon in a text without quotes",
            LOCAL + "greetings:\n  a:\n    say: Hello: how are you\n",
            "4:15: found a second ':' on the line; if it belongs to the text, put the text in quotes",
        ),
        Case(
            "a missing space after a colon",
            "service:\n  endpoint:https://x.example\n  model: y\n",
            "2:3: found no space after 'endpoint:' (did you mean 'endpoint: https://x.example'?)",
        ),
        Case(
            "a missing space after a later colon",
            "service:\n  model: y\n  local:true\n",
            "3:3: found no space after 'local:' (did you mean 'local: true'?)",
        ),
        Case("a missing colon", "service\n  local: true\n", "1:8: found no ':' after 'service'; write one"),
        Case(
            "a missing colon after a byte order mark",
            "\ufeffservice\n  local: true\n",
            "1:8: found no ':' after 'service'; write one",
        ),
        Case(
            "a missing colon between keys",
            "conversation:\n  max_duration_s: 9\n  idle_timeout_s 30\n  interruptible: no\n",
            "3:17: found no ':' after 'idle_timeout_s'; write one",
        ),
        Case(
            "a missing space after a dash",
            "triggers:\n  -type: button\n   pin: 17\n",
            "2:3: found no space after '-'; write one",
        ),
        Case(
            "a missing space between dash and brace",
            LOCAL + "lights:\n  -{type: led, pin: 4}\n",
            "3:3: found no space after '-'; write one",
        ),
        Case(
            "a missing space between a later dash and brace",
            LOCAL + "lights:\n  - {type: led, pin: 4}\n  -{type: led, pin: 5}\n",
            "4:3: found no space after '-'; write one",
        ),
        Case(
            "a missing space between dash and key in a list that has begun",
            LOCAL + "lights:\n  - type: led\n    pin: 4\n  -type: led\n",
            "5:3: found no space after '-'; write one",
        ),
        Case(
            "a colon in a text in braces",
            LOCAL + "greetings:\n  a: {say: Hi there: how}\n",
            "3:20: found a second ':' in a text without quotes; put the text in quotes",
        ),
        Case(
            "a colon in a later text in braces",
            LOCAL + "greetings:\n  a: {cache: no, say: Hi there: how}\n",
            "3:31: found a second ':' in a text without quotes; put the text in quotes",
        ),
        Case(
            "a quote that is not closed",
            'service:\n  voice: "Ava\n  local: true\n',
            "2:10: found a quote that is not closed; close it",
        ),
        Case(
            "a quote inside quotes",
            LOCAL + "greetings:\n  a: {say: 'It's me'}\n",
            "3:16: found more text after the closing quote; put the whole text in quotes of the other kind",
        ),
        Case(
            "text after the closing quote",
            LOCAL + 'names:\n  name: "Lisa" Simpson\n',
            "3:16: found more text after the closing quote; put the whole text in quotes of the other kind",
        ),
        Case(
            "a backslash in double quotes",
            'service: {api_key_file: "C:\\Key"}',
            "1:28: found a '\\' in double quotes; write '\\\\', or put the text in single quotes",
        ),
        Case(
            "a bracket that is not closed",
            LOCAL + "greetings:\n  a: {say_one_of: [Hi, Hello}\n",
            "3:19: found no end of the '[' here; close it with ']', or check the commas up to line 3",
        ),
        Case(
            "a brace that is not closed",
            "service: {local: true\nnames: {}\n",
            "1:10: found no end of the '{' here; close it with '}', or check the commas up to line 2",
        ),
        Case(
            "two commas",
            "service: {local: true,, model: x}",
            "1:23: found ',' where a value belongs; write one, or put it in quotes",
        ),
        Case(
            "a line indented too deep",
            "service:\n  local: true\n   model: x\n",
            "3:4: found a line that is indented deeper than the one above; line them up",
        ),
        Case(
            "a line indented too little",
            "service:\n    local: true\n  model: x\n",
            "3:3: found a line that lines up with none above; indent it like its neighbours",
        ),
        Case(
            "a list behind a key",
            "triggers: - {type: button}\n",
            "1:11: found '- ' behind a key; begin the list on the next line",
        ),
        Case(
            "text that begins with @", "names: {name: @lisa}", "1:15: found text that begins with '@'; put it in quotes"
        ),
        Case(
            "text that begins with *",
            "names:\n  name: **Lisa**\n",
            "2:9: found text that begins with '*'; put it in quotes",
        ),
        Case(
            "an alias of nothing",
            "names: {name: *lisa}",
            "1:15: names.name: found '*lisa', an alias of nothing; text that begins with '*' needs quotes",
        ),
        Case(
            "an alias within itself", "names: &n {name: *n}", "1:18: names.name: found '*n' within itself; write it out"
        ),
        Case("a missing key", ": x\n", "1:1: found no key before ':'; write one"),
        Case(
            "two documents",
            LOCAL + "---\nnames: {}\n",
            "2:1: found a second document after '---'; allowed: one, so remove this line",
        ),
        Case(
            "a directive",
            "%YAML 2.0\n---\nservice: {local: true}\n",
            "1:1: found a line that begins with '%'; remove it",
        ),
        Case(
            "text after the end",
            LOCAL + "...\nnames: {}\n",
            "3:1: found text that is not YAML (did not find expected <document start>); check quotes, colons and spaces",
        ),
    ],
    ids=str,
)
def test_what_yaml_cannot_read_is_reported_at_the_mistake(case: Case) -> None:
    check(case)


@pytest.mark.parametrize("text", ["", "# nothing yet\n\n", "~", "---\n", "\ufeff", " \n"])
def test_an_empty_file_names_the_keys_it_needs_at_least(text: str) -> None:
    assert problems(text) == [f"config.yaml:1:1: {EMPTY}"]


@pytest.mark.parametrize(
    ("character", "name"),
    [("\0", "U+0000"), ("\x1b", "U+001B"), ("\x7f", "U+007F"), ("\ud800", "U+D800"), ("\uffff", "U+FFFF")],
)
def test_a_character_that_is_no_text_is_named(character: str, name: str) -> None:
    sentence = f"config.yaml:2:10: found the character {name}, which no text may hold; remove it"
    assert problems(f"service:\n  local: {character}true\n") == [sentence]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("#" * 1_048_577, "1:1: found more than 1048576 bytes; a config is a few kilobytes: is this the file?"),
        ("names: [" + "x, " * 10_000 + "]", "1:30000: found more than 10000 values; is this the right file?"),
        ("[" * 100_000, "1:34: found lists or mappings more than 32 deep; simplify this"),
        ("{" * 100_000, "1:34: found lists or mappings more than 32 deep; simplify this"),
        ("- " * 100_000, "1:67: found lists or mappings more than 32 deep; simplify this"),
        (
            "a0: &a0 [" + "x, " * 9 + "]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 20)),
            "5:15: found more than 10000 values; is this the right file?",
        ),
        (
            f"a0: &a0 {'[' * 20}{']' * 20}\na1: {'[' * 20}*a0{']' * 20}",
            "2:25: found lists or mappings more than 32 deep; simplify this",
        ),
    ],
    ids=["bytes", "values", "lists", "keys", "dashes", "alias bomb", "deep only together"],
)
def test_a_file_without_measure_is_refused_before_it_takes_time(text: str, sentence: str) -> None:
    assert problems(text) == [f"config.yaml:{sentence}"]
