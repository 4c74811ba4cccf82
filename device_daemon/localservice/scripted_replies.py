"""What the local service answers: rules from a YAML file, the first that fits."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml
from msgspec import Struct

from device_daemon.errors import ConfigError

Kind = Literal["speech", "text", "request", "result", "nothing"]
_SHORT_CHARACTERS = 300


class Occasion(Struct, frozen=True):
    """What an answer is asked for: the last thing that happened in the conversation."""

    kind: Kind = "nothing"
    turn: int = 0
    """How many turns a person has had in this session, this one included."""
    seconds: float = 0.0
    text: str = ""
    """What was typed, or the instructions."""
    output: str = ""
    tools: tuple[Mapping[str, Any], ...] = ()
    """The functions the session may call."""
    forced_tool: str = ""
    """The function that `tool_choice` demands."""


class Call(Struct, frozen=True):
    """A function to call; `arguments` is JSON."""

    name: str
    arguments: str


class Reply(Struct, frozen=True):
    """What to say and what to call: one of them at least."""

    say: str = ""
    call: Call | None = None
    given: bool = False
    """The text came from the client (`pre_generated_assistant_message`): it is one transcript delta, and free."""


class CallRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A function call in a rule; without arguments they are made up from the function's parameters."""

    name: str
    arguments: dict[str, Any] | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule of the file; replies.yaml explains the keys."""

    say: str | list[str] = ""
    call: CallRule | None = None
    after: Kind | list[Kind] | None = None
    turn: int | list[int] | None = None
    text: str | None = None
    least_s: float | None = None
    most_s: float | None = None
    has_tool: str | None = None

    def fits(self, occasion: Occasion) -> bool:
        """Return whether this rule answers the occasion."""
        tools = [tool["name"] for tool in occasion.tools]
        return (
            _among(occasion.kind, self.after)
            and _among(occasion.turn, self.turn)
            and (self.text is None or re.search(self.text, occasion.text, re.IGNORECASE) is not None)
            and (self.least_s is None or occasion.seconds >= self.least_s)
            and (self.most_s is None or occasion.seconds <= self.most_s)
            and (self.has_tool is None or self.has_tool in tools or (self.has_tool == "*" and bool(tools)))
        )

    def reply(self, occasion: Occasion) -> Reply:
        """Return what this rule answers; a call of a function that the session lacks is left out."""
        texts = [self.say] if isinstance(self.say, str) else self.say
        say = _filled(texts[max(occasion.turn - 1, 0) % len(texts)], occasion) if texts else ""
        return Reply(say, _call(self.call, occasion) if self.call else None)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: list[Rule]


class Replies:
    """The rules of one file."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules

    @classmethod
    def load(cls, path: Path | None = None) -> Replies:
        """Read a file, or the one that comes with the program. Raises ConfigError naming the file and what to mend."""
        path = path or Path(__file__).with_name("replies.yaml")
        try:
            rules = msgspec.convert(yaml.safe_load(path.read_text("utf-8")), _File).rules
            for rule in rules:
                re.compile(rule.text or "")
        except OSError as error:
            raise ConfigError([f"{path}: {error.strerror}: name a replies file that can be read"]) from error
        except (yaml.YAMLError, msgspec.ValidationError, re.error) as error:
            raise ConfigError(
                [f"{path}: {error}: compare it with {Path(__file__).with_name('replies.yaml')}"]
            ) from error
        return cls(rules)

    def answer(self, occasion: Occasion) -> Reply:
        """Return what to answer. Where no rule fits, or what fits is empty, it says which rule is missing."""
        fitting = [rule.reply(occasion) for rule in self._rules if rule.fits(occasion)]
        if occasion.forced_tool and occasion.kind != "result":
            made_up = Reply(call=_call(CallRule(occasion.forced_tool), occasion))
            forced = [reply for reply in fitting if reply.call and reply.call.name == occasion.forced_tool]
            return (forced or [made_up])[0]
        no_rule = Reply(f"My replies have no rule for {occasion.kind} in turn {occasion.turn}.")
        return next((reply for reply in fitting if reply.say or reply.call), no_rule)


def _among(value: object, wanted: object) -> bool:
    return wanted is None or value == wanted or (isinstance(wanted, list) and value in wanted)


def _filled(text: str, occasion: Occasion) -> str:
    values = {
        "seconds": f"{occasion.seconds:.1f}",
        "text": occasion.text[:_SHORT_CHARACTERS],
        "output": occasion.output[:_SHORT_CHARACTERS],
        "turn": str(occasion.turn),
    }
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _call(rule: CallRule, occasion: Occasion) -> Call | None:
    for tool in occasion.tools:
        if rule.name in {"*", tool["name"]}:
            arguments = _made_up(tool.get("parameters") or {}) if rule.arguments is None else rule.arguments
            return Call(tool["name"], json.dumps(arguments, ensure_ascii=False, separators=(",", ":")))
    return None


def _made_up(schema: Mapping[str, Any]) -> Any:
    """Return the least value that a JSON schema allows, with honest words where it wants words."""
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "object" | None:
            properties = schema.get("properties") or {}
            return {name: _made_up(properties.get(name) or {"type": "string"}) for name in schema.get("required") or []}
        case "array":
            return []
        case "integer" | "number":
            return schema.get("minimum", 0)
        case "boolean":
            return False
        case _:
            return "unknown"
