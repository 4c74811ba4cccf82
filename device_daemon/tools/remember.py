"""Remembered facts: what people ask the speaker to keep, such as their name, over restarts."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Annotated, Final

from msgspec import Meta

from device_daemon.tools.tool import Tool, ToolError, tool_of

MOST_FACTS: Final = 50
EVERYTHING: Final = "everything"

What = Annotated[str, Meta(min_length=1, max_length=40)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]


def key_of(what: str) -> str:
    """Return the name under which a fact is kept: case and spaces make no difference."""
    return " ".join(what.split()).lower()


def remember_tools(facts: MutableMapping[str, str], save: Callable[[], None]) -> list[Tool]:
    """Return the tools `remember`, `recall` and `forget`.

    Args:
        facts: What is remembered.
        save: Called after each change.
    """

    def remember(what: What, text: Text) -> str:
        """Remember a fact for later conversations. Call it only if the user asks for that, or tells you their name.

        Args:
            what: What it is about, in one to three words; "name" for how the user wants to be called.
            text: The fact.
        """
        key = key_of(what)
        if key not in facts and len(facts) >= MOST_FACTS:
            raise ToolError(f"{MOST_FACTS} facts are remembered already; one has to be forgotten first.")
        facts[key] = " ".join(text.split())
        save()
        return f"remembered: {key}: {facts[key]}"

    def recall() -> str:
        """Return everything that users asked you to remember. Call it if an answer may depend on that."""
        return "; ".join(f"{key}: {text}" for key, text in facts.items()) or "nothing is remembered"

    def forget(what: What) -> str:
        """Forget a fact that is remembered.

        Args:
            what: What it is about, as `recall` names it; "everything" for all facts.
        """
        forgotten = forget_fact(facts, what)
        if not forgotten:
            raise ToolError(f"nothing is remembered about {what!r}; there are: {', '.join(facts) or 'no facts'}.")
        save()
        return f"forgotten: {', '.join(forgotten)}"

    return [tool_of(each, group="remember") for each in (remember, recall, forget)]


def forget_fact(facts: MutableMapping[str, str], what: str) -> list[str]:
    """Take a fact out, or all of them for "everything"; returns which ones."""
    key = key_of(what)
    gone = list(facts) if key == EVERYTHING else [key] if key in facts else []
    for each in gone:
        del facts[each]
    return gone
