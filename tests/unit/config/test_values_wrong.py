"""What is said about values and keys that are wrong."""

from __future__ import annotations

import pytest

from device_daemon.config.settings import PATTERN_NAMES, Config
from tests.unit.config.cases import LOCAL, Case, check

SECTIONS = ", ".join(Config.__struct_fields__)
IN_SERVICE = (
    "endpoint, local, model, agent, auth, entra, api_key_file, voice, instructions, turn_detection, noise_reduction, "
    "transcription, phrase_list, interim_response, standby, proxy, ca_file"
)
BUTTON = "type, pin, greeting, assistant, active_high, debounce_ms, hold_s, mode"
TIME = 'a time from "00:00" to "23:59"'
HOURS = 'two times such as "07:00-22:00"'
DAYS = "daily, or days and ranges such as mon-fri or sat,sun"
BELOW = "keys on lines of their own"
OCTAL = "a number with a leading zero (some read it as octal)"


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "a word where a number is wanted",
            LOCAL + "conversation: {idle_timeout_s: soon}",
            "2:32: conversation.idle_timeout_s: found 'soon'; allowed: seconds from 0.1 to 86400, or with a unit such as 30s, 15m or 1h",
        ),
        Case(
            "a number out of its range",
            LOCAL + "conversation: {idle_timeout_s: 0.01}",
            "2:32: conversation.idle_timeout_s: found 0.01; allowed: seconds from 0.1 to 86400, or with a unit such as 30s, 15m or 1h",
        ),
        Case(
            "a number too large for any range",
            LOCAL + "conversation: {max_duration_s: 1e999}",
            "2:32: conversation.max_duration_s: found 1e999; allowed: seconds from 0.1 to 86400, or with a unit such as 30s, 15m or 1h",
        ),
        Case(
            "infinity",
            LOCAL + "conversation: {max_duration_s: .inf}",
            "2:32: conversation.max_duration_s: found '.inf'; allowed: seconds from 0.1 to 86400, or with a unit such as 30s, 15m or 1h",
        ),
        Case(
            "a time of day where a number is wanted",
            LOCAL + "conversation: {idle_timeout_s: 07:30}",
            "2:32: conversation.idle_timeout_s: found '07:30', a time of day; allowed: seconds from 0.1 to 86400, or with a unit such as 30s, 15m or 1h",
        ),
        Case(
            "a number with a decimal comma",
            LOCAL + "audio: {microphone:\n  {gain_db: '1,5'}}",
            "3:13: audio.microphone.gain_db: found the text '1,5'; allowed: a number from -40 to 40 (did you mean 1.5, without the quotes?)",
        ),
        Case(
            "a number in quotes",
            LOCAL + 'audio: {speaker: {volume: "80"}}',
            "2:27: audio.speaker.volume: found the text '80'; allowed: a whole number from 0 to 100 (did you mean 80, without the quotes?)",
        ),
        Case(
            "a number with a leading zero",
            LOCAL + "mute: {switch_pin: 017}",
            f"2:20: mute.switch_pin: found '017', {OCTAL}; allowed: a whole number from 0 to 53 (did you mean 17?)",
        ),
        Case(
            "seconds with a leading zero",
            LOCAL + "conversation: {idle_timeout_s: 030}",
            f"2:32: conversation.idle_timeout_s: found '030', {OCTAL}; allowed: seconds from 0.1 to 86400, or with a unit such as 30s, 15m or 1h (did you mean 30?)",
        ),
        Case(
            "a number in another base",
            LOCAL + "mute: {switch_pin: 0x11}",
            "2:20: mute.switch_pin: found '0x11', a number that is not decimal; allowed: a whole number from 0 to 53 (did you mean 17?)",
        ),
        Case(
            "an octal number",
            LOCAL + "mute: {switch_pin: 0o17}",
            "2:20: mute.switch_pin: found '0o17', a number that is not decimal; allowed: a whole number from 0 to 53 (did you mean 15?)",
        ),
        Case(
            "a pin by its name",
            LOCAL + "mute: {switch_pin: GPIO17}",
            "2:20: mute.switch_pin: found 'GPIO17'; allowed: a whole number from 0 to 53 (did you mean 17?)",
        ),
        Case(
            "a pin there is not",
            LOCAL + "mute: {switch_pin: 54}",
            "2:20: mute.switch_pin: found 54; allowed: a whole number from 0 to 53",
        ),
        Case(
            "a broken number of periods",
            LOCAL + "audio: {speaker: {periods: 4.5}}",
            "2:28: audio.speaker.periods: found '4.5'; allowed: a whole number from 2 to 32",
        ),
        Case(
            "nothing where a number is wanted",
            LOCAL + "audio:\n  speaker:\n    volume:\n",
            "4:12: audio.speaker.volume: found nothing; allowed: a whole number from 0 to 100",
        ),
        Case(
            "a list where a number is wanted",
            LOCAL + "audio: {speaker: {volume: [80]}}",
            "2:27: audio.speaker.volume: found a list; allowed: a whole number from 0 to 100",
        ),
        Case(
            "a word that is neither true nor false",
            LOCAL + "privacy: {log_transcripts: never}",
            "2:28: privacy.log_transcripts: found 'never'; allowed: true or false",
        ),
        Case(
            "true in quotes",
            LOCAL + 'privacy: {log_transcripts: "on"}',
            "2:28: privacy.log_transcripts: found the text 'on'; allowed: true or false (did you mean on, without the quotes?)",
        ),
        Case(
            "a number where true or false is wanted",
            LOCAL + "privacy: {log_transcripts: 1}",
            "2:28: privacy.log_transcripts: found '1'; allowed: true or false",
        ),
        Case(
            "a word that is not one of a few",
            "service: {local: true, auth: Entra}",
            "1:30: service.auth: found 'Entra'; allowed: api-key, entra (did you mean 'entra'?)",
        ),
        Case(
            "a list where a word is wanted",
            "service: {local: true, auth: [entra]}",
            "1:30: service.auth: found a list; allowed: api-key, entra",
        ),
        Case(
            "a word that is like none of them",
            "service: {local: true, auth: password}",
            "1:30: service.auth: found 'password'; allowed: api-key, entra",
        ),
        Case(
            "a language with an underscore",
            "service: {local: true}\nlanguage: de_DE",
            "2:11: language: found 'de_DE' (did you mean 'de-DE'?)",
        ),
        Case(
            "a region that has no voice here",
            "service: {local: true}\nlanguage: de-EE",
            "2:11: language: found 'de-EE' (did you mean 'de-DE'?)",
        ),
        Case(
            "nothing where text is wanted",
            "service: {local: true, model: }",
            "1:31: service.model: found nothing; allowed: text",
        ),
        Case(
            "empty text",
            "service: {local: true, voice: ' '}",
            "1:31: service.voice: found empty text; allowed: text that is not empty",
        ),
        Case(
            "a list where text is wanted",
            LOCAL + "greetings: {a: {say: [Hello, Hi]}}",
            "2:22: greetings.a.say: found a list; allowed: text",
        ),
        Case(
            "a placeholder that became a mapping",
            LOCAL + "greetings: {a: {say: {name}}}",
            "2:22: greetings.a.say: found a mapping, for the text begins with '{' (put it in quotes: \"{name} …\"); allowed: text",
        ),
        Case(
            "a mapping where text is wanted",
            LOCAL + "names:\n  name:\n    first: Lisa\n",
            "4:5: names.name: found a mapping (keys with values); allowed: text",
        ),
        Case(
            "text where a list is wanted",
            LOCAL + "greetings: {a: {say_one_of: Hello}}",
            "2:29: greetings.a.say_one_of: found 'Hello'; allowed: a list, each entry on a line of its own after '- '",
        ),
        Case(
            "a mapping where a list is wanted",
            LOCAL + "triggers:\n  type: button\n  pin: 17\n",
            "3:3: triggers: found a mapping (keys with values); allowed: a list, each entry on a line of its own after '- '",
        ),
        Case(
            "an empty list where one entry is wanted",
            LOCAL + "greetings: {a: {say_one_of: []}}",
            "2:29: greetings.a.say_one_of: found an empty list; allowed: at least one entry",
        ),
        Case(
            "text where a section is wanted",
            "service: https://x.example",
            f"1:10: service: found 'https://x.example'; allowed: {BELOW}: {IN_SERVICE}",
        ),
        Case(
            "a list where a section is wanted",
            LOCAL + "sounds: [ready]",
            f"2:9: sounds: found a list; allowed: {BELOW}: ready, error, notices, volume",
        ),
        Case(
            "text where names of one's own are wanted",
            LOCAL + "names: Lisa",
            "2:8: names: found 'Lisa'; allowed: keys with values on lines of their own",
        ),
        Case(
            "a missing space after a colon",
            "service:\n  local:true\n",
            f"2:3: service: found 'local:true'; allowed: {BELOW}: {IN_SERVICE} (did you mean 'local: true', with a space?)",
        ),
        Case(
            "a missing space after a colon in a list",
            LOCAL + "triggers:\n  - type:button\n",
            f"3:5: triggers[0]: found 'type:button'; allowed: {BELOW}: type, … (did you mean 'type: button', with a space?)",
        ),
        Case("text instead of a file of keys", "hello", f"1:1: found 'hello'; allowed: {BELOW}: {SECTIONS}"),
        Case("a list instead of a file of keys", "- service", f"1:1: found a list; allowed: {BELOW}: {SECTIONS}"),
    ],
    ids=str,
)
def test_a_value_of_a_wrong_kind_is_named_with_what_is_allowed(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "a misspelt key",
            "service: {local: true, modle: x}",
            "1:24: service.modle: unknown key (did you mean 'model'?)",
        ),
        Case(
            "a key with a hyphen for an underscore",
            LOCAL + "conversation: {idle-timeout-s: 3}",
            "2:16: conversation.idle-timeout-s: unknown key; allowed: idle_timeout_s, max_duration_s, interruptible, resume_after_false_interruption, continue_for_s (did you mean 'idle_timeout_s'?)",
        ),
        Case(
            "a key that is like no other",
            LOCAL + "conversation: {color: red}",
            "2:16: conversation.color: unknown key; allowed: idle_timeout_s, max_duration_s, interruptible, resume_after_false_interruption, continue_for_s",
        ),
        Case(
            "a misspelt section",
            LOCAL + "lihgts: []",
            "2:1: lihgts: unknown key (did you mean 'lights'?)",
        ),
        Case(
            "a misspelt key that is needed",
            LOCAL + "triggers: [{type: button, pinn: 17}]",
            f"2:27: triggers[0].pinn: unknown key; allowed: {BUTTON} (did you mean 'pin'?)",
        ),
        Case(
            "a key that is missing",
            LOCAL + "triggers: [{type: button}]",
            "2:12: triggers[0].pin: is missing; allowed: a whole number from 0 to 53",
        ),
        Case(
            "keys of an agent that are missing",
            "service:\n  endpoint: https://x.example\n  auth: entra\n  agent: {name: x}",
            "4:10: service.agent.project: is missing; allowed: text",
        ),
        Case(
            "a misspelt kind of trigger",
            LOCAL + "triggers:\n  - {type: wakeword, word: okay_nabu}",
            "3:12: triggers[0].type: found 'wakeword', not known in this version; allowed: button, wake-word, motion, schedule (did you mean 'wake-word'?)",
        ),
        Case(
            "a kind of trigger from a later version",
            LOCAL + "triggers:\n  - {type: gesture}",
            "3:12: triggers[0].type: found 'gesture', not known in this version; allowed: button, wake-word, motion, schedule",
        ),
        Case(
            "a misspelt kind of light",
            LOCAL + "lights: [{type: rgb_led, red: 1}]",
            "2:17: lights[0].type: found 'rgb_led', not known in this version; allowed: led, pwm-led, rgb-led, apa102 (did you mean 'rgb-led'?)",
        ),
        Case(
            "a light of no kind",
            LOCAL + "lights: [{pin: 1}]",
            "2:10: lights[0]: found no 'type'; allowed: type: led | pwm-led | rgb-led | apa102",
        ),
        Case(
            "a light whose kind is a list",
            LOCAL + "lights: [{type: [led]}]",
            "2:17: lights[0].type: found a list, not known in this version; allowed: led, pwm-led, rgb-led, apa102",
        ),
        Case(
            "a light that is a word",
            LOCAL + "lights: [led]",
            f"2:10: lights[0]: found 'led'; allowed: {BELOW}: type, …",
        ),
        Case(
            "a button with a key it does not have",
            LOCAL + "triggers: [{type: button, pin: 27, colour: red}]",
            f"2:36: triggers[0].colour: unknown key; allowed: {BUTTON}",
        ),
        Case(
            "a state there is not",
            LOCAL + "lights: [{type: led, pin: 1, patterns: {listning: pulse}}]",
            "2:41: lights[0].patterns.listning: found 'listning' (did you mean 'listening'?)",
        ),
        Case(
            "a pattern there is not",
            LOCAL + "lights: [{type: led, pin: 1, patterns: {listening: puls}}]",
            f"2:52: lights[0].patterns.listening: found 'puls'; allowed: {', '.join(sorted(PATTERN_NAMES))} (did you mean 'pulse'?)",
        ),
        Case(
            "a level on a light that cannot be dimmed",
            LOCAL + "lights: [{type: led, pin: 1, patterns: {speaking: level}}]",
            f"2:51: lights[0].patterns.speaking: found 'level'; allowed: {', '.join(sorted(PATTERN_NAMES))}",
        ),
        Case(
            "a night for a light that cannot be dimmed",
            LOCAL + "lights: [{type: led, pin: 1, night: {between: '22:00-07:00'}}]",
            "2:30: lights[0].night: unknown key; allowed: type, pin, active_high, patterns",
        ),
        Case(
            "a night in which nobody sees that the microphone is open",
            LOCAL + "lights: [{type: pwm-led, pin: 1, night: {between: '22:00-07:00', brightness: 0}}]",
            "2:78: lights[0].night.brightness: found 0; allowed: a whole number from 1 to 100",
        ),
        Case(
            "a night without hours",
            LOCAL + "lights: [{type: pwm-led, pin: 1, night: {brightness: 5}}]",
            f"2:41: lights[0].night.between: is missing; allowed: {HOURS}",
        ),
        Case(
            "a night of two numbers",
            LOCAL + "lights: [{type: apa102, count: 3, night: {between: 22-7}}]",
            f"2:52: lights[0].night.between: found '22-7'; allowed: {HOURS} (did you mean '22:00-07:00'?)",
        ),
        Case(
            "a key given twice",
            LOCAL + "sounds: {}\nmute: {}\nsounds: {}\n",
            "4:1: sounds: given twice, first on line 2; keep one of the two",
        ),
        Case(
            "a key given twice deep inside",
            "service:\n  local: true\n  local: false\n",
            "3:3: service.local: given twice, first on line 2; keep one of the two",
        ),
        Case("a key that is a list", LOCAL + "[a, b]: 1", "2:1: found a list or mapping as a key; allowed: a word"),
        Case("a missing key", LOCAL + "sounds: {: true}", "2:10: found no key before ':'; write one"),
        Case(
            "a tag",
            "service: {local: true, voice: !secret voice}",
            "1:31: service.voice: found the tag '!secret'; tags mean nothing here: remove it",
        ),
        Case(
            "a tag that would run code",
            "service: {local: true, voice: !!python/object/apply:os.system [ls]}",
            "1:31: service.voice: found a list; allowed: text",
            "1:31: service.voice: found the tag '!!python/object/apply:os.system'; tags mean nothing here: remove it",
        ),
        Case(
            "a merge of what is no mapping",
            LOCAL + "mute: {<<: 17}",
            "2:12: mute.'<<': found '17'; allowed: the alias of a mapping",
        ),
    ],
    ids=str,
)
def test_a_wrong_key_is_named_with_the_nearest_right_one(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "one digit for the hour",
            LOCAL + "triggers: [{type: schedule, at: 7:30}]",
            f"2:33: triggers[0].at: found '7:30'; allowed: {TIME} (did you mean '07:30'?)",
        ),
        Case(
            "a time of twelve hours",
            LOCAL + "triggers: [{type: schedule, at: '7.30 pm'}]",
            f"2:33: triggers[0].at: found the text '7.30 pm'; allowed: {TIME} (did you mean '19:30'?)",
        ),
        Case(
            "an hour there is not",
            LOCAL + "triggers: [{type: schedule, at: 25:00}]",
            f"2:33: triggers[0].at: found '25:00'; allowed: {TIME}",
        ),
        Case(
            "a minute there is not",
            LOCAL + "triggers: [{type: schedule, at: 07:60}]",
            f"2:33: triggers[0].at: found '07:60'; allowed: {TIME}",
        ),
        Case(
            "nothing where a time is wanted",
            LOCAL + "triggers: [{type: schedule, at: }]",
            f"2:33: triggers[0].at: found nothing; allowed: {TIME}",
        ),
        Case(
            "a list where a time is wanted",
            LOCAL + "triggers: [{type: schedule, at: [07:30]}]",
            f"2:33: triggers[0].at: found a list; allowed: {TIME}",
        ),
        Case(
            "no time",
            LOCAL + "triggers: [{type: schedule}]",
            f"2:12: triggers[0].at: is missing; allowed: {TIME}",
        ),
        Case(
            "hours of one digit",
            LOCAL + "triggers: [{type: motion, pin: 4, between: 7-22}]",
            f"2:44: triggers[0].between: found '7-22'; allowed: {HOURS} (did you mean '07:00-22:00'?)",
        ),
        Case(
            "one time where two are wanted",
            LOCAL + "triggers: [{type: motion, pin: 4, between: 07:00}]",
            f"2:44: triggers[0].between: found '07:00'; allowed: {HOURS}",
        ),
        Case(
            "a word where hours are wanted",
            LOCAL + "triggers: [{type: motion, pin: 4, between: night}]",
            f"2:44: triggers[0].between: found 'night'; allowed: {HOURS}",
        ),
        Case(
            "a word for days",
            LOCAL + "triggers: [{type: schedule, at: '07:30', days: weekdays}]",
            f"2:48: triggers[0].days: found 'weekdays'; allowed: {DAYS} (did you mean 'mon-fri'?)",
        ),
        Case(
            "a day there is not",
            LOCAL + "triggers: [{type: schedule, at: '07:30', days: mon-fry}]",
            f"2:48: triggers[0].days: found 'mon-fry'; allowed: {DAYS} (did you mean 'mon-fri'?)",
        ),
        Case(
            "days with nothing between two commas",
            LOCAL + "triggers: [{type: schedule, at: '07:30', days: 'mon,,tue'}]",
            f"2:48: triggers[0].days: found the text 'mon,,tue'; allowed: {DAYS}",
        ),
        Case(
            "days that YAML takes for a key",
            LOCAL + "triggers: [{type: schedule, at: '07:30', days: sat,sun}]",
            "2:52: triggers[0].sun: found 'sun' on its own; if it belongs to the text before the comma, put all of it in quotes",
        ),
        Case(
            "a mode there is not",
            LOCAL + "triggers: [{type: button, pin: 4, mode: push_to_talk}]",
            "2:41: triggers[0].mode: found 'push_to_talk'; allowed: press, push-to-talk (did you mean 'push-to-talk'?)",
        ),
        Case(
            "a sensitivity in per cent",
            LOCAL + "triggers: [{type: wake-word, word: x, sensitivity: 50}]",
            "2:52: triggers[0].sensitivity: found 50; allowed: a number from 0 to 1",
        ),
        Case(
            "a standby there is not",
            "service: {local: true, standby: after_conversation}",
            "1:33: service.standby: found 'after_conversation'; allowed: after-conversation, always, off (did you mean 'after-conversation'?)",
        ),
        Case(
            "turn detection that is a word",
            "service: {local: true, turn_detection: push-to-talk}",
            "1:40: service.turn_detection: found 'push-to-talk'; allowed: a mapping such as {type: azure_semantic_vad} (push-to-talk is the mode of a button)",
        ),
    ],
    ids=str,
)
def test_a_trigger_with_a_wrong_value_is_named_with_what_was_probably_meant(case: Case) -> None:
    check(case)


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "a file of another kind",
            LOCAL + "metrics: {textfile: speaker.prom}\n",
            "2:21: metrics.textfile: found 'speaker.prom'; allowed: the full path of a file *.prom",
        ),
        Case(
            "a topic with a wildcard",
            LOCAL + "mqtt: {host: broker, base_topic: 'home/#'}\n",
            "2:34: mqtt.base_topic: found the text 'home/#'; allowed: topic levels such as home/speakers",
        ),
        Case(
            "a tenant that is no name",
            "service: {endpoint: 'https://kitchen.services.ai.azure.com', auth: entra, "
            "entra: {method: service-principal, tenant_id: 'a b', client_id: x}}\n",
            "1:121: service.entra.tenant_id: found the text 'a b'; allowed: an ID, or a domain such as contoso.example",
        ),
    ],
    ids=str,
)
def test_a_text_of_a_wrong_form_is_shown_with_the_form_it_needs(case: Case) -> None:
    check(case)
