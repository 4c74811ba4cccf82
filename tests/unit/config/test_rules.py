"""What is said about files whose keys are right one by one, but do not go together."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_daemon.config.reader import load, read
from device_daemon.config.wake_words import Installed
from device_daemon.errors import ConfigError
from tests.unit.config.cases import LOCAL, Case, check, problems


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("words/computer.json", "the path is relative; write it from / on"),
        ("/words/computer.onnx", "its name ends neither in .json (microWakeWord) nor in .tflite (openWakeWord)"),
        ("/words/computer.json", "it is damaged"),
    ],
)
def test_a_word_of_ones_own_that_cannot_be_used_is_named_with_the_reason(word: str, sentence: str) -> None:
    text = LOCAL + f"triggers: [{{type: wake-word, word: {word}}}]"
    with pytest.raises(ConfigError) as caught:
        read(text, "config.yaml", installed=Installed([], "pip install engine", lambda _: "it is damaged"))
    found = f"2:36: triggers[0].word: found '{word}', which cannot be used: {sentence}"
    assert caught.value.problems == [f"config.yaml:{found}"]


def test_a_stop_word_that_there_is_not_is_named_with_those_that_there_are() -> None:
    for word in ("stop", "alexa", "off"):
        assert read(LOCAL + f"stop_word: {word}", "f", installed=WORDS)
    with pytest.raises(ConfigError) as caught:
        read(LOCAL + "stop_word: halt", "f", installed=WORDS)
    assert caught.value.problems == [
        "f:2:12: stop_word: found 'halt', which is not installed; allowed: alexa, hey_jarvis, okay_nabu, stop"
    ]


def test_a_word_of_ones_own_needs_no_engine_of_other_words_and_two_of_one_name_are_one_too_many() -> None:
    twice = "[{type: wake-word, word: /a/computer.json}, {type: wake-word, word: /b/computer.tflite}]"
    assert read(
        LOCAL + "triggers: [{type: wake-word, word: /a/computer.json}]", "f", installed=Installed([], "")
    ).triggers
    assert "which triggers[0].word (line 2) listens for already" in problems(LOCAL + f"triggers: {twice}")[0]


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "an assistant that is not there",
            LOCAL + "assistants: {chef: {voice: alloy}}\ntriggers: [{type: button, pin: 1, assistant: cheff}]",
            "3:46: triggers[0].assistant: found 'cheff'; allowed: chef, service (did you mean 'chef'?)",
        ),
        Case(
            "an assistant with a tool that is not there",
            LOCAL + "tools: {builtin: [time, volume]}\nassistants:\n  a: {tools: [time, timers]}",
            "4:21: assistants.a.tools[1]: found 'timers'; allowed: time, volume (did you mean 'time'?)",
        ),
        Case(
            "an assistant called service",
            LOCAL + "assistants: {service: {voice: alloy}}",
            "2:14: assistants.service: found an assistant called 'service', which stands for that section; choose another name",
        ),
        Case(
            "an assistant with a model and an agent, and a key to sign in",
            LOCAL + "assistants:\n  a: {model: gpt-4o, agent: {name: a, project: p}}",
            "1:10: service: found no 'auth' beside 'agent', which refuses API keys; write 'auth: entra'",
            "3:7: assistants.a.model: found beside 'agent', which brings its own; allowed: one of the two",
        ),
        Case(
            "a placeholder in an assistant's instructions",
            LOCAL + "assistants:\n  a: {instructions: 'It is {tme}'}",
            "3:21: assistants.a.instructions: found the placeholder '{tme}', which is neither built in nor under 'names'; allowed: date, daypart, hostname, salutation, time, weekday, welcome (did you mean 'time'?)",
        ),
    ],
    ids=str,
)
def test_assistants_that_could_not_answer_are_named(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "an Entra identity beside a key",
            "service:\n  local: true\n  entra: managed-identity\n",
            "3:3: service.entra: found beside 'auth: api-key', which does not use it; write 'auth: entra', or leave it out",
        ),
        Case(
            "a key of another way to sign in",
            "service:\n  local: true\n  auth: entra\n  entra: {method: managed-identity, token_file: /t}\n",
            "4:37: service.entra.token_file: found beside 'method: managed-identity'; it belongs to workload-identity",
        ),
        Case(
            "a service principal without a tenant",
            "service:\n  local: true\n  auth: entra\n  entra: {method: service-principal, client_id: a}\n",
            "4:10: service.entra: found no 'tenant_id', which service-principal needs",
        ),
        Case(
            "a secret beside a certificate",
            "service:\n  local: true\n  auth: entra\n  entra:\n    method: service-principal\n    tenant_id: t\n"
            "    client_id: a\n    client_secret_file: /s\n    certificate_file: /c\n",
            "9:5: service.entra.certificate_file: found beside 'client_secret_file' (line 8); allowed: one of the two",
        ),
        Case(
            "a greeting that says nothing",
            LOCAL + "greetings:\n  a: {interruptible: no}\n",
            "3:6: greetings.a: found none of say, say_one_of, ask_model; add one of them",
        ),
        Case(
            "a greeting that is empty",
            LOCAL + "greetings:\n  a:\n",
            "3:5: greetings.a: found none of say, say_one_of, ask_model; add one of them",
        ),
        Case(
            "a greeting with two texts",
            LOCAL + "greetings:\n  a:\n    say: Hi\n    ask_model: Greet\n",
            "5:5: greetings.a.ask_model: found 'ask_model' beside 'say' (line 4); allowed: one of say, say_one_of, ask_model",
        ),
        Case(
            "a greeting with a misspelt text",
            LOCAL + "greetings: {a: {sya: Hi}}",
            "2:17: greetings.a.sya: unknown key; allowed: say, say_one_of, ask_model, interruptible, voice, cache (did you mean 'say'?)",
        ),
        Case(
            "a greeting with an empty text",
            LOCAL + "greetings: {a: {say: ''}}",
            "2:22: greetings.a.say: found empty text; allowed: text that is not empty",
        ),
        Case(
            "a greeting with an empty text in its list",
            LOCAL + "greetings: {a: {say_one_of: [Hi, '']}}",
            "2:34: greetings.a.say_one_of[1]: found empty text; allowed: text that is not empty",
        ),
        Case(
            "a greeting of SSML",
            LOCAL + "greetings: {a: {say: '<speak>Hi</speak>'}}",
            "2:22: greetings.a.say: found SSML; allowed: plain text, which the service speaks as it is written",
        ),
        Case(
            "a misspelt placeholder",
            LOCAL + "greetings: {a: {say: 'Hi {nmae}'}}\nnames: {name: Lisa}",
            "2:22: greetings.a.say: found the placeholder '{nmae}', which is neither built in nor under 'names'; allowed: date, daypart, hostname, name, salutation, since_last, time, weekday, welcome (did you mean 'name'?)",
        ),
        Case(
            "an unknown placeholder in a list",
            LOCAL + "greetings: {a: {say_one_of: [Hi, 'Hi {you}']}}",
            "2:34: greetings.a.say_one_of[1]: found the placeholder '{you}', which is neither built in nor under 'names'; allowed: date, daypart, hostname, name, salutation, since_last, time, weekday, welcome",
        ),
        Case(
            "an unknown placeholder for the model",
            LOCAL + "greetings: {a: {ask_model: 'Greet {you}'}}",
            "2:28: greetings.a.ask_model: found the placeholder '{you}', which is neither built in nor under 'names'; allowed: date, daypart, hostname, name, salutation, since_last, time, weekday, welcome",
        ),
        Case(
            "a single brace",
            LOCAL + "greetings: {a: {say: 'Hi {name'}}",
            "2:22: greetings.a.say: found a single '{'; allowed: a name in braces, such as {time}, or '{{' for the brace itself",
        ),
        Case(
            "a single closing brace",
            LOCAL + "greetings: {a: {say: 'Hi name}'}}",
            "2:22: greetings.a.say: found a single '}'; allowed: a name in braces, such as {time}, or '}}' for the brace itself",
        ),
        Case(
            "braces with more than a name in them",
            LOCAL + "greetings: {a: {say: 'It is {time:%H}'}}",
            "2:22: greetings.a.say: found '{time:%H}'; allowed: a name in braces, such as {time}",
        ),
        Case(
            "braces with nothing in them",
            LOCAL + "greetings: {a: {say: 'It is {}'}}",
            "2:22: greetings.a.say: found '{}'; allowed: a name in braces, such as {time}",
        ),
        Case(
            "a greeting called none",
            LOCAL + "greetings: {none: {say: Hi}}",
            "2:13: greetings.none: found a greeting called 'none', which stands for no greeting; choose another name",
        ),
        Case(
            "a name that is built in",
            LOCAL + "names: {time: now}",
            "2:9: names.time: found a name that is built in; choose another one",
        ),
        Case(
            "a name that is no name",
            LOCAL + "names: {first name: Lisa}",
            "2:9: names.'first name': found a name that cannot stand in braces; allowed: letters, digits and '_', no digit first",
        ),
        Case(
            "a misspelt greeting of a trigger",
            LOCAL + "greetings: {cheerful: {say: Hi}}\ntriggers: [{type: button, pin: 1, greeting: cheerfull}]",
            "3:45: triggers[0].greeting: found 'cheerfull'; allowed: cheerful, none (did you mean 'cheerful'?)",
        ),
        Case(
            "an unknown greeting of a trigger",
            LOCAL + "triggers: [{type: button, pin: 1, greeting: x}]",
            "2:45: triggers[0].greeting: found 'x'; allowed: welcome, none",
        ),
    ],
    ids=str,
)
def test_greetings_that_could_not_be_said_are_named(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "a pin used by two buttons",
            LOCAL + "triggers:\n  - {type: button, pin: 4}\n  - {type: button, pin: 4}\n",
            "4:25: triggers[1].pin: found 4, which triggers[0].pin (line 3) uses already; give each a pin of its own",
        ),
        Case(
            "a pin used by a light and a button",
            LOCAL + "lights: [{type: led, pin: 4}]\ntriggers: [{type: button, pin: 4}]",
            "3:32: triggers[0].pin: found 4, which lights[0].pin (line 2) uses already; give each a pin of its own",
        ),
        Case(
            "a pin used twice by one light",
            LOCAL + "lights: [{type: rgb-led, red: 4, green: 5, blue: 4}]",
            "2:50: lights[0].blue: found 4, which lights[0].red (line 2) uses already; give each a pin of its own",
        ),
        Case(
            "a pin used by the switch and twice more",
            LOCAL + "lights: [{type: led, pin: 4}, {type: pwm-led, pin: 4}]\nmute: {switch_pin: 4}",
            "2:52: lights[1].pin: found 4, which lights[0].pin (line 2) uses already; give each a pin of its own",
            "3:20: mute.switch_pin: found 4, which lights[0].pin (line 2) uses already; give each a pin of its own",
        ),
        Case(
            "a pin used by a button and a motion sensor",
            LOCAL + "triggers:\n  - {type: button, pin: 4}\n  - {type: motion, pin: 4}\n",
            "4:25: triggers[1].pin: found 4, which triggers[0].pin (line 3) uses already; give each a pin of its own",
        ),
    ],
    ids=str,
)
def test_a_pin_used_twice_is_named_with_both_places(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "a greeting of each kind of trigger that is not there",
            LOCAL
            + "triggers:\n  - {type: wake-word, word: alexa, greeting: x}\n  - {type: motion, pin: 4, greeting: x}\n"
            "  - {type: schedule, at: '07:30', greeting: x}\n",
            "3:46: triggers[0].greeting: found 'x'; allowed: welcome, none",
            "4:38: triggers[1].greeting: found 'x'; allowed: welcome, none",
            "5:45: triggers[2].greeting: found 'x'; allowed: welcome, none",
        ),
        Case(
            "hours that begin where they end",
            LOCAL + "triggers: [{type: motion, pin: 4, between: 07:00-07:00}]",
            "2:44: triggers[0].between: found '07:00-07:00', which is an empty span; allowed: two times that differ",
        ),
        Case(
            "a night that begins where it ends",
            LOCAL + "lights: [{type: pwm-led, pin: 4, night: {between: 07:00-07:00}}]",
            "2:51: lights[0].night.between: found '07:00-07:00', which is an empty span; allowed: two times that differ",
        ),
        Case(
            "the level of a voice where there is none",
            LOCAL + "lights: [{type: rgb-led, red: 4, green: 5, blue: 6, patterns: {speaking: level, idle: level}}]",
            "2:87: lights[0].patterns.idle: found 'level', which follows a voice; allowed for greeting, listening, speaking only",
        ),
        Case(
            "the same word twice",
            LOCAL + "triggers:\n  - {type: wake-word, word: okay_nabu}\n  - {type: wake-word, word: Okay Nabu}\n",
            "4:29: triggers[1].word: found 'Okay Nabu', which triggers[0].word (line 3) listens for already; keep one of the two",
        ),
        Case(
            "two schedules in the same minute",
            LOCAL + "triggers:\n  - {type: schedule, at: '07:30'}\n  - {type: schedule, at: '07:30', days: daily}\n",
            "3:26: triggers[0].at: found '07:30', as has triggers[1].at (line 4) on the same days (every day); give each a time of its own",
            "4:26: triggers[1].at: found '07:30', as has triggers[0].at (line 3) on the same days (every day); give each a time of its own",
        ),
        Case(
            "three schedules of which each meets another",
            LOCAL + "triggers:\n  - {type: schedule, at: '07:30', days: fri-mon}\n"
            "  - {type: schedule, at: '07:30', days: mon-wed}\n  - {type: schedule, at: '07:30', days: 'wed,sun'}\n",
            "3:26: triggers[0].at: found '07:30', as has triggers[1].at (line 4) on the same days (mon); give each a time of its own",
            "4:26: triggers[1].at: found '07:30', as has triggers[0].at (line 3) on the same days (mon); give each a time of its own",
            "5:26: triggers[2].at: found '07:30', as has triggers[0].at (line 3) on the same days (sun); give each a time of its own",
        ),
        Case(
            "a schedule in the same minute as one with a wrong greeting",
            LOCAL + "triggers:\n  - {type: schedule, at: '07:30'}\n  - {type: schedule, at: '07:30', greeting: x}\n",
            "3:26: triggers[0].at: found '07:30', as has triggers[1].at (line 4) on the same days (every day); give each a time of its own",
            "4:26: triggers[1].at: found '07:30', as has triggers[0].at (line 3) on the same days (every day); give each a time of its own",
            "4:45: triggers[1].greeting: found 'x'; allowed: welcome, none",
        ),
        Case(
            "two schedules by one anchor",
            LOCAL + "triggers: [&a {type: schedule, at: '07:30'}, *a]",
            "2:36: triggers[0].at: found '07:30', as has triggers[1].at (line 2) on the same days (every day); give each a time of its own",
            "2:36: triggers[1].at: found '07:30', as has triggers[0].at (line 2) on the same days (every day); give each a time of its own",
        ),
    ],
    ids=str,
)
def test_triggers_that_get_in_each_others_way_are_named_with_both_places(case: Case) -> None:
    check(case)


def test_schedules_at_the_same_time_of_different_days_are_right() -> None:
    text = "triggers:\n  - {type: schedule, at: '07:30', days: mon-fri}\n  - {type: schedule, at: '07:30', days: 'sat,sun'}\n"
    assert len(read(LOCAL + text, "f").triggers) == 2


WORDS = Installed(["alexa", "hey_jarvis", "okay_nabu"], "pip install engine")


@pytest.mark.parametrize(
    ("word", "installed", "sentence"),
    [
        (
            "Okay Nabbu",
            WORDS,
            "found 'Okay Nabbu', which is not installed; allowed: alexa, hey_jarvis, okay_nabu (did you mean 'okay_nabu'?)",
        ),
        ("computer", WORDS, "found 'computer', which is not installed; allowed: alexa, hey_jarvis, okay_nabu"),
        (
            "alexa",
            Installed([], "pip install engine"),
            "found 'alexa', and no engine that listens for words; `pip install engine` installs it",
        ),
    ],
)
def test_a_word_that_is_not_installed_is_named_with_those_that_are(
    word: str, installed: Installed, sentence: str
) -> None:
    text = LOCAL + f"triggers:\n  - {{type: wake-word, word: {word}}}\n"
    with pytest.raises(ConfigError) as caught:
        read(text, "f", installed=installed)
    assert caught.value.problems == [f"f:3:29: triggers[0].word: {sentence}"]


@pytest.mark.parametrize("word", ["okay_nabu", "Okay Nabu", "HEY_jarvis"])
def test_a_word_that_is_installed_may_be_written_in_any_way(word: str) -> None:
    read(LOCAL + f"triggers: [{{type: wake-word, word: {word}}}]", "f", installed=WORDS)


def test_where_nobody_says_what_is_installed_any_word_will_do(tmp_path: Path) -> None:
    text = LOCAL + "triggers: [{type: wake-word, word: computer}]"
    read(text, "f")
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    load(path)
    with pytest.raises(ConfigError, match="which is not installed"):
        load(path, WORDS)


def test_all_problems_of_a_file_are_reported_together_in_file_order() -> None:
    text = """\
service:
  endpoint: http://x.example
  modle: gpt-realtime
  transcription: maybe
greetings:
  welcome: {say: "Hi {nmae}"}
  none: {}
triggers:
  - {type: button, pin: 4, greeting: welcom}
  - {type: wakeword}
audio: {speaker: {volume: 101}}
lights: [{type: led, pin: 4, patterns: {idle: purple}}]
sounds: {}
sounds: {}
names: {name: [Lisa]}
"""
    assert [line.split(": ")[0] + ": " + line.split(": ")[1] for line in problems(text)] == [
        "config.yaml:2:13: service.endpoint",
        "config.yaml:3:3: service.modle",
        "config.yaml:4:18: service.transcription",
        "config.yaml:6:18: greetings.welcome.say",
        "config.yaml:7:3: greetings.none",
        "config.yaml:7:9: greetings.none",
        "config.yaml:9:38: triggers[0].greeting",
        "config.yaml:10:12: triggers[1].type",
        "config.yaml:11:27: audio.speaker.volume",
        "config.yaml:12:27: lights[0].pin",
        "config.yaml:12:47: lights[0].patterns.idle",
        "config.yaml:14:1: sounds",
        "config.yaml:15:15: names.name",
    ]


@pytest.mark.parametrize("service", ["service: nothing", "servcie: {local: true}"])
def test_a_broken_service_does_not_hide_what_is_wrong_elsewhere(service: str) -> None:
    pins = "lights: [{type: led, pin: 4}, {type: led, pin: 4}]"
    assert problems(f"{service}\n{pins}")[1:] == [
        "config.yaml:2:48: lights[1].pin: found 4, which lights[0].pin (line 2) uses already; give each a pin of its own"
    ]


def test_one_mistake_is_reported_once() -> None:
    for text in (
        LOCAL + "greetings: {welcome: {say: [a]}}\ntriggers: [{type: button, pin: 1, greeting: welcome}]",
        LOCAL + "greetings: {welcome: {say: '{name}'}}\nnames: {name: [a]}",
        "service: {local: maybe}",
        "service: nothing",
        "service: {endpont: https://x.example}",
        "servcie: {local: true}",
        LOCAL + "triggers: [{type: button, pni: 1}]",
        LOCAL + "triggers: [{type: schedule, at: noon}]",
        LOCAL + "triggers: [{type: schedule, at: '07:30', days: sat,sun}]",
        LOCAL + "triggers: [{type: schedule, at: '07:30'}, {type: schedule, at: '07:30', days: never}]",
        LOCAL + "triggers: [{type: schedule, at: '07:30', days: mon}, {type: schedule, at: '07:30', dais: tue}]",
        LOCAL + "greetings: {welcome: {say-one-of: [a]}}",
        LOCAL + "greetings: {welcome: {say_one_of: [{name}, Hi]}}",
        "service: {endpoint: 'https://x.example', auth: entra, agent: {name: a, project: p}, modle: x}",
    ):
        assert len(problems(text)) == 1


def test_at_most_a_hundred_mistakes_are_listed() -> None:
    lines = problems(LOCAL + "\n".join(f"key{n}: 1" for n in range(150)))
    assert len(lines) == 101
    assert lines[-1] == "config.yaml: 50 more problems; fix these first"


def test_values_in_messages_are_short_and_on_one_line() -> None:
    (listed,) = problems(
        LOCAL + "tools:\n  commands:\n    - {name: a, description: a, run: [/a, '{b}'],"
        ' parameters: {b: {enum: ["x\\e[2J"], default: c}}}'
    )
    assert listed.endswith(r"not one of 'enum'; allowed: x\x1b[2J")
    long, strange = problems(LOCAL + f'mute: {{switch_pin: {"very " * 50}long}}\n? "a\\e[2J\\nb"\n: 1\n')
    assert long == (
        f"config.yaml:2:20: mute.switch_pin: found '{'very ' * 11}very…'; allowed: a whole number from 0 to 53"
    )
    assert strange.startswith(r"config.yaml:3:3: 'a\x1b[2J\nb': unknown key; allowed: service, ")
    assert problems("", "new\nline.yaml")[0].startswith(r"new\nline.yaml:1:1: ")
