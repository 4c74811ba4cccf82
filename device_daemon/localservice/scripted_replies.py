"""Scripted replies: rules from a YAML file that say what the service answers, calls and understands.

The file has three lists, of which `rules` is required. Its own head, in replies.yaml, explains every key.

    rules:         what is answered, or which function or MCP tool is called: the first rule that fits
    transcripts:   what speech recognition makes of a spoken turn: the first that fits
    mcp_servers:   which tools an MCP server of the session lists, or that listing them fails

A spoken round with a function, as a test of a tool needs it (session: tools with `get_time`):

    transcripts:
      - {turn: 1, heard: "What time is it?"}
    rules:
      - {after: speech, text: "what time", call: {name: get_time, arguments: {zone: here}}}
      - {after: result, tool: get_time, say: "It is {output}."}

The call comes as a `function_call` item with its arguments in deltas. Nothing more is said until the client has added
a `function_call_output` and sent `response.create`; then the rules are asked again, with `after: result`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml
from msgspec import Struct

from device_daemon.errors import ConfigError
from device_daemon.localservice.response_context import Kind, ResponseContext

_SHORT_CHARACTERS = 300


class Call(Struct, frozen=True):
    """A function to call; `arguments` is JSON."""

    name: str
    arguments: str


class McpCall(Struct, frozen=True):
    """A tool of an MCP server that the service calls by itself: its `output`, or the `error` it fails with."""

    server: str
    tool: str
    arguments: str
    output: str = ""
    error: str = ""


class Reply(Struct, frozen=True):
    """The output of one response: what is said, then what is called. It has one of them at least."""

    say: str = ""
    calls: tuple[Call, ...] = ()
    mcp: McpCall | None = None
    pre_generated: bool = False
    """The text came from the client (`pre_generated_assistant_message`): it is one transcript delta, without input."""


class CallRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A function call in a rule; without arguments they are made up from the function's parameters."""

    name: str
    arguments: dict[str, Any] | None = None


class McpRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call of an MCP tool in a rule, made if the session has a server of that label."""

    server: str
    tool: str
    arguments: dict[str, Any] = {}
    output: str = ""
    error: str = ""


class McpServerRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an MCP server of this label lists: tools with `name`, `description` and `input_schema`."""

    label: str
    tools: list[dict[str, Any]] = []
    fails: bool = False


class TranscriptRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What speech recognition makes of a spoken turn, or that it fails."""

    heard: str | list[str] = ""
    turn: int | list[int] | None = None
    least_s: float | None = None
    most_s: float | None = None
    fails: bool = False

    def fits(self, turn: int, seconds: float) -> bool:
        """Return whether this is the rule of a turn."""
        return _among(turn, self.turn) and _within(seconds, self.least_s, self.most_s)

    def transcript(self, turn: int) -> str | None:
        """Return the transcript; None: recognition fails."""
        return None if self.fails else _in_turn(self.heard, turn)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule for replies; replies.yaml explains the keys."""

    say: str | list[str] = ""
    call: CallRule | list[CallRule] | None = None
    mcp: McpRule | None = None
    after: Kind | list[Kind] | None = None
    turn: int | list[int] | None = None
    text: str | None = None
    tool: str | None = None
    least_s: float | None = None
    most_s: float | None = None
    has_tool: str | None = None

    def fits(self, context: ResponseContext) -> bool:
        """Return whether this rule answers in this context."""
        tools = [tool["name"] for tool in context.tools]
        text = context.output if context.kind == "result" else context.text
        return (
            _among(context.kind, self.after)
            and _among(context.turn, self.turn)
            and (self.text is None or re.search(self.text, text, re.IGNORECASE) is not None)
            and (self.tool is None or self.tool in context.result_of)
            and _within(context.seconds, self.least_s, self.most_s)
            and (self.has_tool is None or self.has_tool in tools or (self.has_tool == "*" and bool(tools)))
        )

    def reply(self, context: ResponseContext) -> Reply:
        """Return what this rule answers; a call of a tool that the session lacks is left out."""
        rules = self.call if isinstance(self.call, list) else [self.call] if self.call else []
        calls = [call for rule in rules if (call := _call(rule, context))]
        say = _filled(_in_turn(self.say, context.turn), context)
        return Reply(say, tuple(calls), _mcp_call(self.mcp, context) if self.mcp else None)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: list[Rule]
    transcripts: list[TranscriptRule] = []
    mcp_servers: list[McpServerRule] = []


class Replies:
    """The rules of one file."""

    def __init__(
        self,
        rules: Sequence[Rule],
        transcripts: Sequence[TranscriptRule] = (),
        mcp_servers: Sequence[McpServerRule] = (),
    ) -> None:
        self._rules = rules
        self._transcripts = transcripts
        self._mcp_servers = {rule.label: rule for rule in mcp_servers}

    @classmethod
    def load(cls, path: Path | None = None) -> Replies:
        """Read a file, or the one that comes with the program.

        Raises:
            ConfigError: names the file and what to correct.
        """
        path = path or Path(__file__).with_name("replies.yaml")
        try:
            file = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), _File)
            for rule in file.rules:
                re.compile(rule.text or "")
        except OSError as error:
            raise ConfigError([f"{path}: {error.strerror}: name a replies file that can be read"]) from error
        except (yaml.YAMLError, msgspec.ValidationError, re.error, UnicodeDecodeError) as error:
            raise ConfigError(
                [f"{path}: {error}: compare it with {Path(__file__).with_name('replies.yaml')}"]
            ) from error
        return cls(file.rules, file.transcripts, file.mcp_servers)

    def reply(self, context: ResponseContext) -> Reply:
        """Return the reply of the first rule that fits and is not empty; without one, a sentence that says so."""
        fitting = [rule.reply(context) for rule in self._rules if rule.fits(context)]
        if context.forced_tool and context.kind != "result":
            made_up = Reply(calls=tuple(filter(None, [_call(CallRule(context.forced_tool), context)])))
            forced = [reply for reply in fitting if [call.name for call in reply.calls] == [context.forced_tool]]
            return (forced or [made_up])[0]
        no_rule = Reply(f"My replies have no rule for {context.kind} in turn {context.turn}.")
        return next((reply for reply in fitting if reply.say or reply.calls or reply.mcp), no_rule)

    def transcript(self, turn: int, seconds: float) -> str | None:
        """Return what speech recognition makes of a turn.

        Args:
            turn: counted from 1.
            seconds: how long the person spoke.

        Returns:
            The scripted text; without a rule that fits, its duration in parentheses; None if recognition fails.
        """
        for rule in self._transcripts:
            if rule.fits(turn, seconds):
                return rule.transcript(turn)
        return f"(speech, {seconds:.1f} s)"

    def mcp_tools(self, label: str) -> list[dict[str, Any]] | None:
        """Return the tools that an MCP server lists; None if listing them fails."""
        rule = self._mcp_servers.get(label, McpServerRule(label))
        return None if rule.fails else rule.tools


def _among(value: object, wanted: object) -> bool:
    return wanted is None or value == wanted or (isinstance(wanted, list) and value in wanted)


def _within(seconds: float, least_s: float | None, most_s: float | None) -> bool:
    return (least_s is None or seconds >= least_s) and (most_s is None or seconds <= most_s)


def _in_turn(texts: str | list[str], turn: int) -> str:
    """Return a text, or that of a list whose turn it is."""
    if isinstance(texts, str):
        return texts
    return texts[max(turn - 1, 0) % len(texts)] if texts else ""


def _filled(text: str, context: ResponseContext) -> str:
    values = {
        "seconds": f"{context.seconds:.1f}",
        "text": context.text[:_SHORT_CHARACTERS],
        "output": context.output[:_SHORT_CHARACTERS],
        "turn": str(context.turn),
    }
    # One pass: what is filled in is not looked at again.
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


def _json(arguments: object) -> str:
    return json.dumps(arguments, ensure_ascii=False, separators=(",", ":"))


def _call(rule: CallRule, context: ResponseContext) -> Call | None:
    for tool in context.tools:
        if rule.name in {"*", tool["name"]}:
            arguments = _made_up(tool.get("parameters") or {}) if rule.arguments is None else rule.arguments
            return Call(tool["name"], _json(arguments))
    return None


def _mcp_call(rule: McpRule, context: ResponseContext) -> McpCall | None:
    if not any(server["server_label"] == rule.server for server in context.mcp_servers):
        return None
    return McpCall(rule.server, rule.tool, _json(rule.arguments), rule.output, rule.error)


def _made_up(schema: object) -> Any:
    """Return the least value that a JSON schema allows; a text is "unknown". What is no schema is ignored."""
    if not isinstance(schema, Mapping):
        return None
    if isinstance(enum := schema.get("enum"), list) and enum:
        return enum[0]
    match schema.get("type"):
        case "object" | None:
            properties = schema.get("properties")
            known = properties if isinstance(properties, Mapping) else {}
            required = schema.get("required")
            names = required if isinstance(required, list) else []
            return {str(name): _made_up(known.get(str(name), {"type": "string"})) for name in names}
        case "array":
            return []
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return "unknown"
