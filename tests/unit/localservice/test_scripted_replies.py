from __future__ import annotations

import re
from pathlib import Path

import pytest

from device_daemon.errors import ConfigError
from device_daemon.localservice.response_context import ResponseContext
from device_daemon.localservice.scripted_replies import Call, CallRule, McpCall, McpRule, Replies, Rule

TOOL = {
    "type": "function",
    "name": "set_light",
    "parameters": {
        "type": "object",
        "properties": {
            "room": {"type": "string", "enum": ["kitchen", "hall"]},
            "name": {"type": "string"},
            "level": {"type": "integer", "minimum": 1},
            "on": {"type": "boolean"},
            "list": {"type": "array"},
            "optional": {"type": "string"},
        },
        "required": ["room", "name", "level", "on", "list"],
    },
}


def test_the_first_rule_that_fits_is_taken() -> None:
    replies = Replies([Rule(say="a", turn=2), Rule(say="b", after="speech"), Rule(say="c")])
    assert replies.reply(ResponseContext("speech", 2)).say == "a"
    assert replies.reply(ResponseContext("speech", 1)).say == "b"
    assert replies.reply(ResponseContext("text", 1)).say == "c"


def test_rules_may_look_at_text_at_length_and_at_tools() -> None:
    replies = Replies(
        [Rule(say="a", text="sto.y"), Rule(say="b", least_s=2), Rule(say="c", most_s=1, has_tool="*"), Rule(say="d")]
    )
    assert replies.reply(ResponseContext("text", text="Tell me a STORY")).say == "a"
    assert replies.reply(ResponseContext("speech", seconds=3)).say == "b"
    assert replies.reply(ResponseContext("speech", seconds=0.5, tools=(TOOL,))).say == "c"
    assert replies.reply(ResponseContext("speech", seconds=0.5)).say == "d"


def test_placeholders_are_filled_in() -> None:
    replies = Replies([Rule(say="{seconds} {text} {output} {turn} {other}")])
    assert replies.reply(ResponseContext("text", 3, 1.26, "t", "o")).say == "1.3 t o 3 {other}"


def test_what_is_filled_in_is_not_filled_in_again() -> None:
    replies = Replies([Rule(say="{text}")])
    assert replies.reply(ResponseContext("text", text="{output}", output="secret")).say == "{output}"


def test_a_rule_may_look_at_the_output_and_at_what_it_is_from() -> None:
    replies = Replies([Rule(tool="get_time", text="noon", say="a"), Rule(tool="get_time", say="b"), Rule(say="c")])
    for output, tool, say in (("It's NOON", "get_time", "a"), ("midnight", "get_time", "b"), ("noon", "other", "c")):
        assert replies.reply(ResponseContext("result", output=output, result_of=(tool,))).say == say


def test_an_mcp_rule_is_for_sessions_with_that_server() -> None:
    replies = Replies([Rule(mcp=McpRule("docs", "search", output="x")), Rule(say="next")])
    assert replies.reply(ResponseContext()).say == "next"
    call = replies.reply(ResponseContext(mcp_servers=({"type": "mcp", "server_label": "docs"},))).mcp
    assert call == McpCall("docs", "search", "{}", "x")


@pytest.mark.parametrize("parameters", [[], "x", {"required": 7}, {"enum": "x"}, {"properties": [], "required": ["a"]}])
def test_parameters_that_are_no_schema_are_called_all_the_same(parameters: object) -> None:
    tool = {"type": "function", "name": "f", "parameters": parameters}
    assert Replies([Rule(call=CallRule("*"))]).reply(ResponseContext(tools=(tool,))).calls[0].name == "f"


def test_a_list_is_said_turn_by_turn() -> None:
    replies = Replies([Rule(say=["a", "b"])])
    assert [replies.reply(ResponseContext("speech", turn)).say for turn in (1, 2, 3)] == ["a", "b", "a"]


def test_arguments_are_made_up_from_the_functions_parameters() -> None:
    replies = Replies([Rule(call=CallRule("*"))])
    expected = '{"room":"kitchen","name":"unknown","level":1,"on":false,"list":[]}'
    assert replies.reply(ResponseContext(tools=(TOOL,))).calls == (Call("set_light", expected),)


def test_a_call_of_a_function_the_session_lacks_falls_to_the_next_rule() -> None:
    replies = Replies([Rule(call=CallRule("get_time")), Rule(say="next")])
    assert replies.reply(ResponseContext(tools=(TOOL,))).say == "next"


def test_a_function_that_has_to_be_called_is_called_as_the_rules_would() -> None:
    replies = Replies([Rule(say="a"), Rule(call=CallRule("set_light", {"room": "hall"}))])
    forced = ResponseContext("text", tools=(TOOL,), forced_tool="set_light")
    assert replies.reply(forced).calls == (Call("set_light", '{"room":"hall"}'),)
    without_rule = Replies([Rule(say="a")]).reply(forced)
    assert [call.name for call in without_rule.calls] == ["set_light"]
    assert not without_rule.say


def test_a_missing_rule_is_said() -> None:
    assert "no rule for speech" in Replies([]).reply(ResponseContext("speech", 1)).say


@pytest.mark.parametrize("kind", ["speech", "text", "request", "result", "declined", "nothing"])
@pytest.mark.parametrize("turn", [0, 1, 2, 3, 4, 5])
def test_the_file_that_comes_along_answers_everything(kind: str, turn: int) -> None:
    context = ResponseContext(kind, turn, 1.5, "hello", "42", (TOOL,))  # type: ignore[arg-type]
    reply = Replies.load().reply(context)
    assert reply.say or reply.calls
    assert not re.search(r"\{(?:seconds|text|output|turn)\}", reply.say)


def test_the_file_that_comes_along_says_that_it_does_not_understand() -> None:
    assert "don't understand" in Replies.load().reply(ResponseContext("speech", 1, 1.0)).say


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("rules: [{sag: x}]", "sag"),
        ("rules: []\ntranscripts: [{said: x}]", "said"),
        ("rules: []\nmcp_servers: [{}]", "label"),
        ("rules: [{text: '['}]", "unterminated"),
        ("{", "expected"),
        ("", "object"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        Replies.load(path)
    assert "mine.yaml" in caught.value.problems[0]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml"):
        Replies.load(tmp_path / "none.yaml")
