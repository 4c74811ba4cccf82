"""What is said about the service section: where sound and keys go."""

from __future__ import annotations

import pytest

from device_daemon.config.reader import read
from tests.unit.config.cases import Case, check, problems

KEY = "0123456789abcdef0123456789abcdef"
KEY_PLACES = (
    'the key must not be in this file; put it into the systemd credential "api-key", or into a file that '
    "service.api_key_file names, or into the environment variable AZURE_VOICELIVE_API_KEY"
)
NEITHER = (
    "found neither 'endpoint' nor 'local: true'; add a line 'endpoint: https://…' with the address of your "
    "Azure resource, or 'local: true' for the voice service on this machine"
)
RIGHT = (
    "allowed: the address of your Azure resource, such as https://NAME.services.ai.azure.com; the Azure portal shows it on "
    "the resource's page, under Keys and Endpoint"
)
ADDRESSES = "https://HOST or wss://HOST; http:// and ws:// only to this machine (localhost, 127.0.0.1, [::1])"
TYPES = "azure_semantic_vad, azure_semantic_vad_en, azure_semantic_vad_multilingual, server_vad, semantic_vad"
PUSH_TO_TALK = "a mapping such as {type: azure_semantic_vad} (push-to-talk is the mode of a button)"
OCTAL = "a number with a leading zero (some read it as octal)"


@pytest.mark.parametrize(
    "case",
    [
        Case("no service", "names: {}", f"1:1: service: {NEITHER}"),
        Case("an empty service", "names: {}\nservice:\n", f"2:9: service: {NEITHER}"),
        Case("neither endpoint nor local", "service:\n  model: x\n", f"2:3: service: {NEITHER}"),
        Case("local: false and no endpoint", "service: {local: false}", f"1:10: service: {NEITHER}"),
        Case("an empty endpoint", "service: {endpoint: }", f"1:10: service: {NEITHER}"),
        Case(
            "endpoint and local",
            "service:\n  endpoint: https://x.example\n  local: true\n",
            "3:10: service.local: found true beside 'endpoint' (line 2); allowed: one of the two",
        ),
        Case(
            "a misspelt endpoint",
            "service:\n  endpiont: https://x.example\n",
            "2:3: service.endpiont: unknown key (did you mean 'endpoint'?)",
        ),
        Case(
            "an endpoint that is not encrypted",
            "service: {endpoint: 'http://x.example/a'}",
            f"1:21: service.endpoint: found 'http://x.example/a'; allowed: {ADDRESSES} (did you mean 'https://x.example/a'?)",
        ),
        Case(
            "a WebSocket that is not encrypted",
            "service: {endpoint: 'ws://192.168.1.2:80'}",
            f"1:21: service.endpoint: found 'ws://192.168.1.2:80'; allowed: {ADDRESSES} (did you mean 'wss://192.168.1.2:80'?)",
        ),
        Case(
            "an endpoint without a scheme",
            "service: {endpoint: x.services.ai.azure.com}",
            f"1:21: service.endpoint: found 'x.services.ai.azure.com'; allowed: {ADDRESSES} (did you mean 'https://x.services.ai.azure.com'?)",
        ),
        Case(
            "an endpoint without a host",
            "service: {endpoint: 'https://'}",
            f"1:21: service.endpoint: found 'https://'; allowed: {ADDRESSES}",
        ),
        Case(
            "an endpoint of another scheme",
            "service: {endpoint: 'ftp://x.example'}",
            f"1:21: service.endpoint: found 'ftp://x.example'; allowed: {ADDRESSES}",
        ),
        Case(
            "an endpoint with a place to fill in",
            "service: {endpoint: 'https://<resource>.services.ai.azure.com'}",
            f"1:21: service.endpoint: found 'https://<resource>.services.ai.azure.com', the placeholder of an example; {RIGHT}",
        ),
        Case(
            "an endpoint with a wrong port",
            "service: {endpoint: 'https://x.example:port'}",
            f"1:21: service.endpoint: found 'https://x.example:port'; allowed: {ADDRESSES}",
        ),
        Case(
            "an endpoint with a space",
            "service: {endpoint: 'https://x .example'}",
            f"1:21: service.endpoint: found 'https://x .example'; allowed: {ADDRESSES}",
        ),
        Case(
            "an endpoint with a key",
            f"service: {{endpoint: 'https://x.example/?api-key={KEY}'}}",
            f"1:21: service.endpoint: found a key or password in the address; {KEY_PLACES}",
        ),
        Case(
            "an endpoint with a password",
            "service: {endpoint: 'https://me:secret@x.example'}",
            f"1:21: service.endpoint: found a key or password in the address; {KEY_PLACES}",
        ),
        Case(
            "an endpoint with a project's path",
            "service: {endpoint: 'https://x.example/api/projects/p'}",
            "1:21: service.endpoint: found 'https://x.example/api/projects/p'; allowed: the address of the resource alone (did you mean 'https://x.example'?)",
        ),
        Case(
            "a proxy without a scheme",
            "service: {local: true, proxy: 'me:secret@proxy:3128'}",
            "1:31: service.proxy: found no address of a proxy; allowed: http://host:port",
        ),
        Case(
            "the key as a key",
            "service: {local: true, api_key: abc}",
            f"1:24: service.api_key: found an API key; {KEY_PLACES}",
        ),
        Case(
            "the key under another name",
            "service: {local: true, API-Key: abc}",
            f"1:24: service.API-Key: found an API key; {KEY_PLACES}",
        ),
        Case(
            "the key as a value",
            f"service: {{local: true, api_key_file: {KEY}}}",
            f"1:38: service.api_key_file: found what looks like an API key; {KEY_PLACES}",
        ),
        Case(
            "a long key as a value",
            "service: {local: true, auth: " + "aB3" * 28 + "}",
            f"1:30: service.auth: found what looks like an API key; {KEY_PLACES}",
        ),
        Case(
            "the key as a misspelt key",
            f"service: {{local: true, {KEY}: 1}}",
            f"1:24: service.(hidden): found an API key; {KEY_PLACES}",
        ),
        Case(
            "an agent with a key",
            "service: {endpoint: 'https://x.example', agent: {name: a, project: p}}",
            "1:10: service: found no 'auth' beside 'agent', which refuses API keys; write 'auth: entra'",
        ),
        Case(
            "an agent with auth: api-key",
            "service: {endpoint: 'https://x.example', auth: api-key, agent: {name: a, project: p}}",
            "1:48: service.auth: found 'auth: api-key' beside 'agent', which refuses API keys; write 'auth: entra'",
        ),
        Case(
            "an agent with a model and instructions",
            "service:\n  endpoint: https://x.example\n  auth: entra\n  agent: {name: a, project: p}\n  model: m\n  instructions: i\n",
            "5:3: service.model: found beside 'agent', which brings its own; allowed: one of the two",
            "6:3: service.instructions: found beside 'agent', which brings its own; allowed: one of the two",
        ),
        Case(
            "turn detection of no type",
            "service: {local: true, turn_detection: {threshold: 0.5}}",
            f"1:40: service.turn_detection: found no 'type'; allowed: {TYPES}",
        ),
        Case(
            "turn detection of an unknown type",
            "service: {local: true, turn_detection: {type: azure-semantic-vad}}",
            f"1:47: service.turn_detection.type: found 'azure-semantic-vad'; allowed: {TYPES} (did you mean 'azure_semantic_vad'?)",
        ),
        Case(
            "turn detection of a strange type",
            "service: {local: true, turn_detection: {type: 5}}",
            f"1:47: service.turn_detection.type: found '5'; allowed: {TYPES}",
        ),
        Case(
            "no turn detection",
            "service: {local: true, turn_detection: none}",
            f"1:40: service.turn_detection: found 'none'; allowed: {PUSH_TO_TALK}",
        ),
        Case(
            "null turn detection",
            "service: {local: true, turn_detection: null}",
            f"1:40: service.turn_detection: found nothing; allowed: {PUSH_TO_TALK}",
        ),
        Case(
            "an unknown name in turn detection",
            "service: {local: true, turn_detection: {type: server_vad, treshold: 1}}",
            "1:59: service.turn_detection.treshold: unknown key (did you mean 'threshold'?)",
        ),
        Case(
            "a name of another type in turn detection",
            "service: {local: true, turn_detection: {type: semantic_vad, threshold: 1}}",
            "1:61: service.turn_detection.threshold: unknown key; allowed: auto_truncate, create_response, eagerness, end_of_utterance_detection, idle_timeout_ms, interrupt_response, speech_duration_assistant_speaking_ms, type",
        ),
        Case(
            "an unknown name in end_of_utterance_detection",
            "service: {local: true, turn_detection: {type: server_vad, end_of_utterance_detection: {modl: x}}}",
            "1:88: service.turn_detection.end_of_utterance_detection.modl: unknown key; allowed: model, threshold_level, timeout_ms (did you mean 'model'?)",
        ),
        Case(
            "a number with a leading zero in turn detection",
            "service: {local: true, turn_detection: {type: server_vad, threshold: 01}}",
            f"1:70: service.turn_detection.threshold: found '01', {OCTAL}; allowed: a number without leading zeros, or text in quotes",
        ),
    ],
    ids=str,
)
def test_a_service_that_could_not_be_reached_is_named(case: Case) -> None:
    check(case)


def test_a_key_pasted_anywhere_into_the_file_is_never_shown() -> None:
    for key in (KEY, "aB3" * 28):
        for text in (
            f"service: {{local: true, api_key: {key}}}",
            f"service: {{local: true, auth: '{key} '}}",
            f"service: {{local: true, auth: 'key {key}'}}",
            f"service: {{local: true, auth: '{'x ' * 25}{key}'}}",
            f"service: {{{key}: true}}",
            f"service: {{local: true, endpoint: 'https://x.example/?api-key={key}'}}",
            f"service: {{endpoint: 'http://{key}@x.example'}}",
            f"service: {{local: true, voice: [{key}, {{{key}: 1}}]}}",
            f"mute: {{switch_pin: {key}}}",
            f"{key}: 1",
            key,
            f"service: {{local: true, voice: *{key}}}",
            f"service: {{local: true, voice: !{key} x}}",
            f"service:\n  local: true\n  api_key:{key}\n  voice: x",
            f"service:\n  local: true\n  {key}\n  voice: x",
            f"service:\n  local: true\n  api_key: {{{key}}} x\n",
            f'service:\n  local: true\n  api_key: "{key}" x\n',
            f"greetings: {{a: {{say: '{{{key}}}'}}}}",
            f"greetings: {{{key}: {{}}}}\ntriggers: [{{type: button, pin: 1, greeting: x}}]",
        ):
            assert key not in "".join(problems(text)), text
            assert key[:12] not in "".join(problems(text)), text


@pytest.mark.parametrize(
    ("host", "what"),
    [
        ("my-resource.services.ai.azure.com", "the placeholder of an example"),
        ("your-resource-name.cognitiveservices.azure.com", "the placeholder of an example"),
        ("MyResource.services.ai.azure.com", "the placeholder of an example"),
        ("your-foundry-endpoint.example.com", "the placeholder of an example"),
        ("api.openai.com", "OpenAI's own service, which is another one"),
        ("generativelanguage.googleapis.com", "another service"),
        ("portal.azure.com", "a web page, not the service"),
        ("ai.azure.com", "a web page, not the service"),
    ],
)
def test_an_address_that_is_not_the_voice_service_is_named_with_where_the_right_one_is(host: str, what: str) -> None:
    (problem,) = problems(f"service: {{endpoint: 'https://{host}/v1'}}")
    assert problem == f"config.yaml:1:21: service.endpoint: found 'https://{host}/v1', {what}; {RIGHT}"


@pytest.mark.parametrize("host", ["kitchen.services.ai.azure.com", "myresources.openai.azure.com", "voice.example.org"])
def test_other_hosts_are_allowed(host: str) -> None:
    assert read(f"service: {{endpoint: 'https://{host}'}}", "f").service.endpoint == f"https://{host}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It is {tmie}.", "found the placeholder '{tmie}', which is neither built in nor under 'names'"),
        ("Since {since_last}.", "found the placeholder '{since_last}'"),
        ("Answer in JSON: {1}.", "found '{1}'; allowed: a name in braces"),
        ("Answer with a {.", "found a single '{'"),
    ],
)
def test_a_placeholder_in_instructions_that_would_be_sent_unfilled_is_refused(text: str, found: str) -> None:
    (problem,) = problems(f"service: {{local: true, instructions: '{text}'}}\nnames: {{name: Lisa}}")
    assert f"service.instructions: {found}" in problem


def test_instructions_take_the_placeholders_of_a_session_and_names() -> None:
    text = "You talk to {name}. It is {time} on {weekday}, {date}, {daypart}, on {hostname}. Write {{ for a brace."
    config = read(f"service: {{local: true, instructions: '{text}'}}\nnames: {{name: Lisa}}", "f")
    assert config.service.instructions == text
