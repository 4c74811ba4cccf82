"""What is said about tools of the owner that are wrong."""

from __future__ import annotations

import pytest

from device_daemon.config.reader import read
from tests.unit.config.cases import LOCAL, Case, check

COMMAND = LOCAL + "tools:\n  commands:\n    - name: blinds\n      description: Opens the blinds\n"
MCP = LOCAL + "tools:\n  mcp:\n"


@pytest.mark.parametrize(
    "case",
    [
        Case(
            "a name with spaces",
            LOCAL + "tools: {commands: [{name: Open blinds, description: x, run: [/bin/x]}]}",
            "2:27: tools.commands[0].name: found 'Open blinds'; allowed: letters, digits, '_' and '-', at most 64 (did you mean 'open_blinds'?)",
        ),
        Case(
            "two of one name",
            COMMAND + "      run: [/bin/x]\n    - {name: blinds, description: x, run: [/bin/y]}",
            "7:14: tools.commands[1].name: found 'blinds', which tools.commands[0].name (line 4) is called already; give each a name of its own",
        ),
        Case(
            "a program that is to be searched for",
            COMMAND + "      run: [blinds]",
            "6:13: tools.commands[0].run[0]: found 'blinds'; allowed: the full path of a program, such as /usr/local/bin/blinds",
        ),
        Case(
            "no program",
            COMMAND + "      run: []",
            "6:12: tools.commands[0].run: found an empty list; allowed: at least one entry",
        ),
        Case(
            "a placeholder without quotes",
            COMMAND + "      run: [/bin/x, {position}]\n      parameters: {position: {type: integer}}",
            "6:21: tools.commands[0].run[1]: found a mapping, for the text begins with '{' (put it in quotes: \"{position} …\"); allowed: text",
        ),
        Case(
            "a misspelt placeholder",
            COMMAND + "      run: [/bin/x, '{postion}']\n      parameters: {position: {type: integer}}",
            "6:21: tools.commands[0].run[1]: found the placeholder '{postion}', which is not under 'parameters'; allowed: position (did you mean 'position'?)",
        ),
        Case(
            "a placeholder that chooses the program",
            COMMAND + "      run: ['/bin/{x}']\n      parameters: {x: {}}",
            "6:13: tools.commands[0].run[0]: found a placeholder in the program's path; allowed in its arguments only",
        ),
        Case(
            "a placeholder inside a script",
            COMMAND + "      run: [/usr/bin/env, A=1, bash, -c, 'blinds {x}']\n      parameters: {x: {}}",
            "6:42: tools.commands[0].run[4]: found a placeholder inside a script, where a value can be code; pass it as an argument after the script, such as [/bin/sh, -c, 'blinds \"$1\"', sh, '{position}']",
        ),
        Case(
            "a parameter that is not used",
            COMMAND + "      run: [/bin/x]\n      parameters: {position: {type: integer}}",
            "7:20: tools.commands[0].parameters.position: found a parameter that 'run' does not use; write '{position}' there",
        ),
        Case(
            "a parameter that cannot be a placeholder",
            COMMAND + "      run: [/bin/x]\n      parameters: {my-position: {}}",
            "7:20: tools.commands[0].parameters.my-position: found a name that cannot stand in braces; allowed: letters, digits and '_', no digit first",
        ),
        Case(
            "limits of another type",
            COMMAND
            + "      run: [/bin/x, '{a}', '{b}']\n      parameters: {a: {type: integer, enum: [x]}, b: {minimum: 1}}",
            "7:39: tools.commands[0].parameters.a.enum: found beside 'type: integer'; it belongs to string",
            "7:55: tools.commands[0].parameters.b.minimum: found beside 'type: string'; it belongs to integer and number",
        ),
        Case(
            "limits in the wrong order",
            COMMAND + "      run: [/bin/x, '{a}']\n      parameters: {a: {type: number, minimum: 2, maximum: 1}}",
            "7:47: tools.commands[0].parameters.a.minimum: found 2, which is more than 'maximum' (1); swap them",
        ),
        Case(
            "no regular expression",
            COMMAND + "      run: [/bin/x, '{a}']\n      parameters: {a: {pattern: '('}}",
            "7:33: tools.commands[0].parameters.a.pattern: found no regular expression (missing ), unterminated subpattern at position 0); correct it",
        ),
        Case(
            "defaults that are not allowed",
            COMMAND
            + "      run: [/bin/x, '{a}{b}{c}{d}{e}']\n      parameters:\n        a: {type: integer, default: 1.5}\n"
            "        b: {default: 5}\n        c: {type: number, minimum: 1, default: 0}\n"
            "        d: {enum: [x], default: y}\n        e: {type: boolean, default: maybe}",
            "8:37: tools.commands[0].parameters.a.default: found a value that is not a whole number",
            "9:22: tools.commands[0].parameters.b.default: found a value that is not text; put it in quotes",
            "10:48: tools.commands[0].parameters.c.default: found a value that is less than 'minimum' (1)",
            "11:33: tools.commands[0].parameters.d.default: found a value that is not one of 'enum'; allowed: x",
            "12:37: tools.commands[0].parameters.e.default: found a value that is not true or false",
        ),
        Case(
            "a Home Assistant on the internet without encryption",
            LOCAL + "tools: {home_assistant: {url: 'http://my-home.duckdns.org:8123'}}",
            "2:31: tools.home_assistant.url: found 'http://my-home.duckdns.org:8123', which would send a secret through the internet unencrypted; allowed: https://, or the address on the local network, such as http://192.168.1.10:8123",
        ),
        Case(
            "a Home Assistant without a scheme",
            LOCAL + "tools: {home_assistant: {url: 'homeassistant.local:8123'}}",
            "2:31: tools.home_assistant.url: found 'homeassistant.local:8123'; allowed: https://HOST, or http://HOST on the local network",
        ),
        Case(
            "a Home Assistant without an address",
            LOCAL + "tools: {home_assistant: {token_file: /t}}",
            "2:25: tools.home_assistant.url: is missing; allowed: text",
        ),
        Case(
            "an MCP server of no kind, and one of both",
            MCP + "    - {label: a}\n    - {label: b, url: 'https://b.example/mcp', local: [/bin/b]}",
            "4:7: tools.mcp[0]: found neither 'url' nor 'local'; allowed: one of the two",
            "5:7: tools.mcp[1]: found both 'url' and 'local'; allowed: one of the two",
        ),
        Case(
            "an MCP server that the service cannot reach",
            MCP + "    - {label: a, url: 'https://nas.local/mcp'}\n    - {label: b, url: 'http://b.example/mcp'}",
            "4:23: tools.mcp[0].url: found 'https://nas.local/mcp', an address on the local network, which the voice service cannot reach; allowed: one on the internet, or 'local' with a program on this device",
            "5:23: tools.mcp[1].url: found 'http://b.example/mcp'; allowed: https://HOST/PATH, without a password in it",
        ),
        Case(
            "an approval for a local MCP server",
            MCP + "    - {label: a, local: [/bin/a], approval: never, headers_file: /h}",
            "4:35: tools.mcp[0].approval: found beside 'local'; it belongs to a server with 'url'",
            "4:52: tools.mcp[0].headers_file: found beside 'local'; it belongs to a server with 'url'",
        ),
        Case(
            "a local MCP server that is to be searched for",
            MCP + "    - {label: a, local: [npx, notes]}\n    - {label: a, local: []}",
            "4:26: tools.mcp[0].local[0]: found 'npx'; allowed: the full path of a program, such as /usr/local/bin/blinds",
            "5:15: tools.mcp[1].label: found 'a', which tools.mcp[0].label (line 4) is called already; give each a name of its own",
            "5:25: tools.mcp[1].local: found an empty list; allowed: a program and its arguments",
        ),
    ],
    ids=str,
)
def test_it_is_said_where_and_what(case: Case) -> None:
    check(case)


def test_a_script_that_takes_its_values_as_arguments_is_fine() -> None:
    config = read(
        COMMAND
        + "      run: [/bin/sh, -c, 'blinds \"$1\"', sh, '{position}']\n      parameters: {position: {type: integer}}",
        "config.yaml",
    )
    assert config.tools.commands[0].run[-1] == "{position}"


@pytest.mark.parametrize(
    "url",
    [
        "http://homeassistant.local:8123",
        "http://homeassistant:8123/",
        "http://192.168.1.10:8123",
        "http://[fd00::1]:8123",
        "http://127.0.0.1:8123",
        "https://my-home.duckdns.org",
    ],
)
def test_a_home_assistant_of_the_local_network_may_be_unencrypted(url: str) -> None:
    config = read(LOCAL + f"tools: {{home_assistant: {{url: '{url}'}}}}", "config.yaml")
    assert config.tools.home_assistant is not None
