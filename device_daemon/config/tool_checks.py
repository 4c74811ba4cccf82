"""Validation of `tools`: names that are taken, parameters that do not fit together, placeholders in `run`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any, Final

from device_daemon.config.endpoint import local_url_flaw, public_url_flaw
from device_daemon.config.nodes import Sequence
from device_daemon.config.placeholders import MalformedText, is_name, placeholders
from device_daemon.config.problems import Location, Problems, alternatives, dotted, quoted, shown
from device_daemon.config.settings import CommandParameter, CommandTool, Config, McpServer, Tools
from device_daemon.config.source_map import SourceMap

_INTERPRETER: Final = re.compile(r"(?:ba|da|z|k|fi|a)?sh|python[0-9.]*|perl|ruby|node|[gm]?awk")
"""Programs that take a script as an argument."""
_SCRIPT: Final = frozenset({"-c", "-e", "--eval"})
_ONLY_FOR: Final = {
    "enum": ("string",),
    "pattern": ("string",),
    "max_length": ("string",),
    "minimum": ("integer", "number"),
    "maximum": ("integer", "number"),
}
_OF_SERVERS: Final = {"approval": "url", "headers_file": "url", "timeout_s": "local"}


def check_tools(tools: Tools, source_map: SourceMap, problems: Problems) -> None:
    """Report every broken rule; a value that is invalid by itself was reported already."""
    home = tools.home_assistant
    if home is not None and source_map.knows(home) and (flaw := local_url_flaw(home.url)):
        problems.add(source_map.value(home, "url"), flaw)
    first: dict[str, Location] = {}
    for command in tools.commands:
        _check_unique(command.name, source_map.value(command, "name"), first, problems)
        for name, parameter in command.parameters.items():
            where = source_map.key(command, "parameters", name)
            if not is_name(name):
                problems.add(
                    where, "found a name that cannot stand in braces; allowed: letters, digits and '_', no digit first"
                )
            if source_map.knows(parameter):
                _check_parameter(parameter, source_map, problems)
        _check_run(command, source_map, problems)
    labels: dict[str, Location] = {}
    for server in tools.mcp:
        _check_unique(server.label, source_map.value(server, "label"), labels, problems)
        _check_server(server, source_map, problems)


def _check_server(server: McpServer, source_map: SourceMap, problems: Problems) -> None:
    given = [key for key in ("url", "local") if source_map.node(server, key) is not None]
    if len(given) != 1:
        found = "both 'url' and 'local'" if given else "neither 'url' nor 'local'"
        problems.add(source_map.value(server), f"found {found}; allowed: one of the two")
        return
    kind = given[0]
    for key, belongs_to in _OF_SERVERS.items():
        if source_map.node(server, key) is not None and belongs_to != kind:
            sentence = f"found beside '{kind}'; it belongs to a server with '{belongs_to}'"
            problems.add(source_map.key(server, key), sentence)
    if server.url is not None and (flaw := public_url_flaw(server.url)):
        problems.add(source_map.value(server, "url"), flaw)
    if kind == "local" and server.local and not server.local[0].startswith("/"):
        problems.add(source_map.value(server, "local", 0), _no_path(server.local[0]))
    if kind == "local" and not server.local and not problems.has_problem_at(source_map.value(server, "local").path):
        problems.add(source_map.value(server, "local"), "found an empty list; allowed: a program and its arguments")


def _check_unique(name: str, location: Location, first: dict[str, Location], problems: Problems) -> None:
    if name in first:
        user = f"{dotted(first[name].path)} ({problems.where(first[name], location)})"
        problems.add(location, f"found {quoted(name)}, which {user} is called already; give each a name of its own")
    else:
        first[name] = location


def check_on_event(config: Config, source_map: SourceMap, problems: Problems) -> None:
    """Report a program for events that is named by no full path."""
    if config.on_event and not PurePosixPath(config.on_event[0]).is_absolute():
        problems.add(source_map.value(config, "on_event"), _no_path(config.on_event[0]))


def _no_path(program: str) -> str:
    return f"found {quoted(program)}; allowed: the full path of a program, such as /usr/local/bin/blinds"


def _check_parameter(parameter: CommandParameter, source_map: SourceMap, problems: Problems) -> None:
    for key, kinds in _ONLY_FOR.items():
        if source_map.node(parameter, key) is not None and parameter.type not in kinds:
            kind = f"'type: {parameter.type}'"
            problems.add(source_map.key(parameter, key), f"found beside {kind}; it belongs to {' and '.join(kinds)}")
    low, high = parameter.minimum, parameter.maximum
    if low is not None and high is not None and low > high:
        problems.add(
            source_map.value(parameter, "minimum"), f"found {low:g}, which is more than 'maximum' ({high:g}); swap them"
        )
    if parameter.pattern is not None:
        try:
            re.compile(parameter.pattern)
        except (re.error, RecursionError, OverflowError) as error:
            sentence = f"found no regular expression ({shown(str(error))}); correct it"
            problems.add(source_map.value(parameter, "pattern"), sentence)
    if parameter.default is not None and (flaw := _default_flaw(parameter)):
        problems.add(source_map.value(parameter, "default"), f"found a value that {flaw}")


def _default_flaw(parameter: CommandParameter) -> str:
    value: Any = parameter.default
    match parameter.type:
        case "string" if not isinstance(value, str):
            return "is not text; put it in quotes"
        case "boolean" if not isinstance(value, bool):
            return "is not true or false"
        case "integer" if isinstance(value, bool) or not isinstance(value, int):
            return "is not a whole number"
        case "number" if isinstance(value, bool) or not isinstance(value, int | float):
            return "is not a number"
    if parameter.enum and value not in parameter.enum:
        return f"is not one of 'enum'{alternatives(str(value), parameter.enum)}"
    if isinstance(value, int | float) and not isinstance(value, bool):
        if parameter.minimum is not None and value < parameter.minimum:
            return f"is less than 'minimum' ({parameter.minimum:g})"
        if parameter.maximum is not None and value > parameter.maximum:
            return f"is more than 'maximum' ({parameter.maximum:g})"
    return ""


def _check_run(command: CommandTool, source_map: SourceMap, problems: Problems) -> None:
    node = source_map.node(command, "run")
    count = len(node.items) if isinstance(node, Sequence) else 0
    locations = [source_map.value(command, "run", index) for index in range(count)]

    def wrong() -> bool:
        return any(problems.has_problem_at(location.path) for location in locations)

    if wrong():
        return
    if not command.run[0].startswith("/"):
        problems.add(locations[0], _no_path(command.run[0]))
    used = [_placeholders(item, location, problems) for item, location in zip(command.run, locations, strict=True)]
    _check_placeholders(command, used, locations, problems)
    if not wrong():  # else it is not known which of the parameters it is to use
        for name in set(command.parameters).difference(*used):
            where = source_map.key(command, "parameters", name)
            if is_name(name):
                problems.add(where, f"found a parameter that 'run' does not use; write {quoted(f'{{{name}}}')} there")


def _check_placeholders(
    command: CommandTool, used: list[list[str]], locations: list[Location], problems: Problems
) -> None:
    for names, location in zip(used, locations, strict=True):
        for name in names:
            if name not in command.parameters:
                known = alternatives(name, list(command.parameters))
                sentence = f"found the placeholder {quoted(f'{{{name}}}')}, which is not under 'parameters'{known}"
                problems.add(location, sentence)
    if used[0]:
        problems.add(locations[0], "found a placeholder in the program's path; allowed in its arguments only")
    for index in _scripts(command.run):
        if used[index]:
            problems.add(
                locations[index],
                "found a placeholder inside a script, where a value can be code; pass it as an argument after the script,"
                " such as [/bin/sh, -c, 'blinds \"$1\"', sh, '{position}']",
            )


def _placeholders(item: str, location: Location, problems: Problems) -> list[str]:
    try:
        return list(dict.fromkeys(placeholders(item)))
    except MalformedText as error:
        problems.add(location, str(error))
        return []


def _scripts(run: list[str]) -> Iterator[int]:
    """Yield which arguments are scripts of a shell or another interpreter."""
    interprets = False
    for index, item in enumerate(run):
        if _INTERPRETER.fullmatch(PurePosixPath(item).name):
            interprets = True
        elif interprets and run[index - 1] in _SCRIPT:
            yield index
