"""Syntax errors of YAML, explained: from the parser's error to the likely mistake and its fix.

The parser stops at the first token it cannot read, often a line after the mistake, and speaks of tokens and scalars. Each
rule here knows one common mistake: from the parser's error and the lines nearby it returns the location of the mistake
and a sentence, or None if it is another mistake.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import yaml
from msgspec import Struct

from device_daemon.config.excerpt import LINE_BREAK
from device_daemon.config.problems import quoted

_KEY = r"^\s*(?:- +)*[\w-]+"


class Flaw(Struct, frozen=True):
    """A mistake: line and column counted from 1, and the message."""

    line: int
    column: int
    sentence: str


class _ParserError(Struct, frozen=True):
    """The parser's error; lines and columns are counted from 0."""

    problem: str
    line: int
    column: int
    context: str
    context_line: int
    context_column: int
    lines: list[str]

    @property
    def here(self) -> str:
        return self._line(self.line)

    @property
    def there(self) -> str:
        """The line where the construct begins that the parser was reading."""
        return self._line(self.context_line)

    def above(self) -> int:
        """Return the index of the nearest line above that is more than a comment, or -1."""
        for index in range(min(self.line, len(self.lines)) - 1, -1, -1):
            if self.lines[index].partition("#")[0].strip():
                return index
        return -1

    def _line(self, index: int) -> str:
        return self.lines[index] if index < len(self.lines) else ""


def explain(error: yaml.MarkedYAMLError, text: str) -> Flaw:
    """Return the most likely mistake behind a parser error in `text`."""
    mark = error.problem_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    context = error.context_mark or mark
    complaint = _ParserError(
        problem=error.problem or "",
        line=line,
        column=column,
        context=error.context or "",
        context_line=context.line if context else line,
        context_column=context.column if context else column,
        lines=LINE_BREAK.split(text),
    )
    for rule in _RULES:
        flaw = rule(complaint)
        if flaw is not None:
            return flaw
    return Flaw(
        line + 1, column + 1, f"found text that is not YAML ({complaint.problem}); check quotes, colons and spaces"
    )


def _tab(c: _ParserError) -> Flaw | None:
    if c.here[c.column : c.column + 1] == "\t":
        return Flaw(c.line + 1, c.column + 1, "found a tab; allowed: spaces, two for each level")
    return None


def _placeholder(c: _ParserError) -> Flaw | None:
    """`say: {name}, hello`: the brace begins a mapping unless the text is in quotes."""
    begins = r"(?:[:,-]\s+|\[\s*)(\{\w{1,31}\})"
    # Between brackets a brace does so in the middle of a text, too.
    holds = r"[\[{:,]\s*[^\s\"'\[\]{},:][^\"'\[\]{},:]*(\{\w{1,31}\})"
    patterns = (begins, holds) if "flow" in c.context or "tag" in c.context else (begins,)
    for index, line in ((c.line, c.here), (c.context_line, c.there)):
        for pattern in patterns:
            if found := re.search(pattern, line):
                sentence = f"found {found[1]} in a text without quotes; put the whole text in quotes"
                return Flaw(index + 1, found.start(1) + 1, sentence)
    return None


def _colon(c: _ParserError) -> Flaw | None:
    """A colon that is missing, has no space after it, or is one too many."""
    if "could not find expected ':'" in c.problem:
        suspect = c.context_line
    elif "mapping values are not allowed" in c.problem:
        if re.match(_KEY + r"\s*:\s+\S", c.here[: c.column]):
            sentence = "found a second ':' on the line; if it belongs to the text, put the text in quotes"
            return Flaw(c.line + 1, c.column + 1, sentence)
        suspect = c.above()
    else:
        return None
    line = c.lines[suspect] if 0 <= suspect < len(c.lines) else ""
    if found := re.match(rf"({_KEY}):([^\s:].*)$", line):
        column = len(found[1]) - len(found[1].lstrip())
        key = found[1].strip()
        sentence = f"found no space after '{key}:' (did you mean {quoted(f'{key}: {found[2]}')}?)"
        return Flaw(suspect + 1, column + 1, sentence)
    if found := re.match(rf"({_KEY})(?:\s+[^:]*)?$", line):
        return Flaw(suspect + 1, len(found[1]) + 1, f"found no ':' after {quoted(found[1].strip())}; write one")
    column = len(c.here) - len(c.here.lstrip())
    if suspect < 0 or not column:
        return None
    return Flaw(c.line + 1, column + 1, "found a line that is indented deeper than the one above; line them up")


def _dash(c: _ParserError) -> Flaw | None:
    """`-{type: led}` or `-type: led`: without a space the dash begins a text."""
    for index in (c.line, c.above()):
        line = c.lines[index] if 0 <= index < len(c.lines) else ""
        if found := re.match(r"\s*(?:- +)*(-)(?:[{\['\"]|\w[\w-]*\s*:)", line):
            return Flaw(index + 1, found.start(1) + 1, "found no space after '-'; write one")
    return None


def _colon_in_braces(c: _ParserError) -> Flaw | None:
    """`{say: Hi: you}`: a second colon in a text without quotes."""
    if "flow mapping" not in c.context or c.here[c.column : c.column + 1] != ":":
        return None
    if not re.search(r"[{,]\s*[\w-]+\s*:\s+[^\s\"'\[\]{},][^\[\]{},]*$", c.here[: c.column]):
        return None
    return Flaw(c.line + 1, c.column + 1, "found a second ':' in a text without quotes; put the text in quotes")


def _bracket(c: _ParserError) -> Flaw | None:
    """`[1, 2` or `{a: 1`, to which the parser finds no end, or no comma."""
    if not re.search(r"expected ',' or '[]}]'", c.problem):
        return None
    opened, closed = ("[", "]") if "sequence" in c.context else ("{", "}")
    sentence = (
        f"found no end of the '{opened}' here; close it with '{closed}', or check the commas up to line {c.line + 1}"
    )
    return Flaw(c.context_line + 1, c.context_column + 1, sentence)


def _quote(c: _ParserError) -> Flaw | None:
    """A quote that is not closed, or closed too early."""
    if "quoted scalar" in c.context and "unexpected end" in c.problem:
        return Flaw(c.context_line + 1, c.context_column + 1, "found a quote that is not closed; close it")
    if "escape" in c.problem or "hexdecimal" in c.problem:
        sentence = r"found a '\' in double quotes; write '\\', or put the text in single quotes"
        return Flaw(c.line + 1, c.column + 1, sentence)
    if "did not find expected" not in c.problem or c.here[c.column : c.column + 1] in {'"', "'"}:
        return None
    sentence = "found more text after the closing quote; put the whole text in quotes of the other kind"
    if re.search(r"[\"']\s*$", c.here[: c.column]):
        return Flaw(c.line + 1, c.column + 1, sentence)
    found = re.search(r"[:-]\s+('[^']*'|\"[^\"]*\")\S", c.here)
    return Flaw(c.line + 1, found.end(), sentence) if found else None


def _first_character(c: _ParserError) -> Flaw | None:
    """Text without quotes whose first character means something to YAML."""
    starts = ("scanning an alias", "scanning an anchor", "scanning a tag", "scanning a block scalar")
    if "cannot start any token" in c.problem:
        line, column, text = c.line, c.column, c.here
    elif any(start in c.context for start in starts) or "tag handle" in c.problem:
        line, column, text = c.context_line, c.context_column, c.there
    else:
        return None
    sentence = f"found text that begins with '{text[column : column + 1]}'; put it in quotes"
    return Flaw(line + 1, column + 1, sentence)


def _list_entry(c: _ParserError) -> Flaw | None:
    if "sequence entries are not allowed" in c.problem:
        return Flaw(c.line + 1, c.column + 1, "found '- ' behind a key; begin the list on the next line")
    return None


def _no_key(c: _ParserError) -> Flaw | None:
    if c.here[c.column : c.column + 1] == ":":
        return Flaw(c.line + 1, c.column + 1, "found no key before ':'; write one")
    return None


def _indentation(c: _ParserError) -> Flaw | None:
    if "while parsing a block" in c.context and not c.here[: c.column].strip():
        sentence = "found a line that lines up with none above; indent it like its neighbours"
        return Flaw(c.line + 1, c.column + 1, sentence)
    return None


def _no_value(c: _ParserError) -> Flaw | None:
    if "expected node content" in c.problem:
        sentence = (
            f"found {quoted(c.here[c.column : c.column + 1])} where a value belongs; write one, or put it in quotes"
        )
        return Flaw(c.line + 1, c.column + 1, sentence)
    return None


def _directive(c: _ParserError) -> Flaw | None:
    if "directive" in c.context or "incompatible YAML" in c.problem:
        return Flaw(c.line + 1, 1, "found a line that begins with '%'; remove it")
    return None


_RULES: tuple[Callable[[_ParserError], Flaw | None], ...] = (
    _tab,
    _placeholder,
    _dash,
    _colon_in_braces,
    _colon,
    _quote,
    _bracket,
    _directive,
    _first_character,
    _list_entry,
    _no_key,
    _no_value,
    _indentation,
)
