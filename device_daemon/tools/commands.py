"""The owner's commands: programs of this device as tools of the model."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from device_daemon.config.settings import CommandParameter, CommandTool
from device_daemon.system.foreign_text import safe
from device_daemon.system.program import Finished, run_program
from device_daemon.tools.tool import Tool, ToolError

_MOST_CHARACTERS: Final = 4_000
"""Of what a program writes, for the model; speech is shorter."""

Run = Callable[[Sequence[str], Mapping[str, str]], Awaitable[Finished]]


def command_tool(command: CommandTool, environment: Mapping[str, str], run: Run = run_program) -> Tool:
    """Return the tool that runs a command of the config.

    Calls of the same command run one after the other: a person who says "up, no, down" means the last one.

    Args:
        command: As the config has it.
        environment: The program's variables; see `environment_for_programs`.
        run: Runs a program; given by tests.
    """
    one_at_a_time = asyncio.Lock()

    async def call(given: Mapping[str, Any]) -> str:
        arguments = arguments_for(command, given)
        async with one_at_a_time:
            try:
                finished = await run(arguments, environment)
            except OSError as error:
                raise ToolError(
                    f"{command.run[0]} cannot be run: {error.strerror or error}; check the path, and that the speaker's"
                    " user may run it."
                ) from None
        return _outcome(command.run[0], finished)

    return Tool(command.name, command.description, _schema(command.parameters), call, command.timeout_s)


def arguments_for(command: CommandTool, given: Mapping[str, Any]) -> list[str]:
    """Return the program and its arguments, with the values that the model gave.

    Raises:
        ToolError: A text does not match its pattern, or would be taken for an option of the program.
    """
    values = {name: _written(given.get(name, parameter.default)) for name, parameter in command.parameters.items()}
    for name, parameter in command.parameters.items():
        if "\0" in values[name] or (parameter.pattern and not re.fullmatch(parameter.pattern, values[name])):
            raise ToolError(f"{name} must match {parameter.pattern or 'text'}")
    arguments = list(command.run[:1])
    for item in command.run[1:]:
        filled = item.format_map(values)
        begins_with = next((name for name in values if item.startswith(f"{{{name}}}")), None)
        is_text = begins_with is not None and command.parameters[begins_with].type == "string"
        if is_text and filled.startswith("-") and "--" not in arguments:
            raise ToolError(f"{begins_with} must not begin with '-'")
        arguments.append(filled)
    return arguments


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _outcome(program: str, finished: Finished) -> str:
    if finished.flooded:
        raise ToolError(f"{program} wrote without end and was killed.")
    if finished.exit_code != 0:
        how = f"failed with exit code {finished.exit_code}"
        if finished.exit_code < 0:
            how = f"was ended by the signal {signal.Signals(-finished.exit_code).name}"
        lines = (finished.complaint or finished.output).split("\n")
        said = safe(next((line for line in reversed(lines) if line.strip()), ""))
        raise ToolError(f"{program} {how}{f': {said}' if said else ''}")
    return safe(finished.output, _MOST_CHARACTERS) or "done"


def _schema(parameters: Mapping[str, CommandParameter]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: _property(parameter) for name, parameter in parameters.items()},
        "required": [name for name, parameter in parameters.items() if parameter.default is None],
        "additionalProperties": False,
    }


def _property(parameter: CommandParameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.type}
    if parameter.description:
        schema["description"] = parameter.description
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.enum:
        schema["enum"] = parameter.enum
    elif parameter.type == "string":
        schema["maxLength"] = parameter.max_length
    if parameter.pattern:
        schema["pattern"] = parameter.pattern
    for key, limit in (("minimum", parameter.minimum), ("maximum", parameter.maximum)):
        if limit is not None:
            schema[key] = int(limit) if float(limit).is_integer() else limit
    return schema
