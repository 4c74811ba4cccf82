"""The section `tools`: what the model may do on this device."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from msgspec import Meta, Struct, field

from device_daemon.config.sections.value_types import IN_SECONDS, Text, ToolName

BuiltinTool = Literal["time", "volume", "mute", "goodbye", "timers", "again", "remember", "status"]
BUILTIN_TOOLS: tuple[BuiltinTool, ...] = get_args(BuiltinTool)
OFF: dict[str, Any] = {"off": True}
"""Marks a list that may be switched off with one word."""


class CommandParameter(Struct, frozen=True, forbid_unknown_fields=True):
    """A parameter of a command, which the model fills in."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    """What kind of value."""
    description: Text | None = None
    """What it means, for the model."""
    enum: list[Text] = field(default_factory=list)
    """string: the values that are allowed; default: any."""
    pattern: Text | None = None
    """string: a regular expression that the text must match as a whole."""
    max_length: Annotated[int, Meta(ge=1, le=10_000)] = 500
    """string: how many characters it may have."""
    minimum: float | None = None
    """integer and number: the smallest value."""
    maximum: float | None = None
    """integer and number: the largest value."""
    default: Any = None
    """What is taken where the model gives no value; without it, the model must give one."""


class CommandTool(Struct, frozen=True, forbid_unknown_fields=True):
    """A program on this device that the model may run."""

    name: ToolName
    """What the model calls it, such as open_blinds."""
    description: Text
    """What it does and when it is to be run, for the model."""
    run: Annotated[list[str], Meta(min_length=1)]
    """The program's full path and its arguments, in which {position} stands for a parameter; there is no shell."""
    parameters: dict[Text, CommandParameter] = field(default_factory=dict)
    """What the model fills in, by names of your own."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=300, extra=IN_SECONDS)] = 10.0
    """After so many seconds the program is killed."""


class HomeAssistant(Struct, frozen=True, forbid_unknown_fields=True):
    """A Home Assistant on the local network, to which the model may hand what a person asks for."""

    url: Text
    """Its address, such as http://homeassistant.local:8123."""
    token_file: Text | None = None
    """A file that holds a long-lived access token, if it is no systemd credential (home-assistant-token)."""


class McpServer(Struct, frozen=True, forbid_unknown_fields=True):
    """A server of the Model Context Protocol: exactly one of `url` and `local`."""

    label: ToolName
    """A name of your own, such as notes; of a local server, the names of its tools begin with it."""
    url: Text | None = None
    """The address of a server that the voice service calls by itself; it must be reachable from the internet."""
    local: list[Text] = field(default_factory=list)
    """A server on this device: the program's full path and its arguments."""
    allowed_tools: list[Text] = field(default_factory=list)
    """The tools that may be used; default: all."""
    approval: Literal["always", "never"] = "always"
    """url: whether a person is asked before each call."""
    headers_file: Text | None = None
    """url: a file with HTTP headers for the server, `Name: value` lines, if it is no systemd credential."""
    timeout_s: Annotated[float, Meta(ge=0.1, le=300, extra=IN_SECONDS)] = 30.0
    """local: after so many seconds a call has failed."""


class Tools(Struct, frozen=True, forbid_unknown_fields=True):
    """What the model may do on this device."""

    builtin: Annotated[list[BuiltinTool], Meta(extra=OFF)] = field(default_factory=lambda: list(BUILTIN_TOOLS))
    """Which of the built-in tools there are; off: none."""
    commands: list[CommandTool] = field(default_factory=list)
    """Programs of this device that the model may run."""
    home_assistant: HomeAssistant | None = None
    """A Home Assistant that the model may talk to."""
    mcp: list[McpServer] = field(default_factory=list)
    """Servers of the Model Context Protocol (MCP), whose tools the model may use."""

    @property
    def names(self) -> list[str]:
        """What an assistant may name: groups of built-in tools, commands, home_assistant, labels of MCP servers."""
        home = ["home_assistant"] if self.home_assistant else []
        return [*self.builtin, *(each.name for each in self.commands), *home, *(each.label for each in self.mcp)]
