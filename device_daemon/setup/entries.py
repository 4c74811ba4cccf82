"""Edits of the config's text that add or take out what a comment may belong to. Pure.

What is taken out becomes a comment: it can be used again, and no comment around it changes its place.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import yaml

from device_daemon.config.problems import Path as KeyPath
from device_daemon.setup.config_file import changed, replaced

_INDENT: Final = 2


def commented_out(text: str, path: KeyPath) -> str:
    """Return the text with a key, or an entry of a list, as a comment; unchanged if there is none.

    Within braces or brackets there is no place for a comment: there it is removed.
    """
    found = _find(yaml.compose(text, Loader=yaml.SafeLoader), path)
    if found is None:
        return text
    parent, key, value = found
    if parent.flow_style:
        return _removed(text, path)
    lines = text.splitlines(keepends=True)
    for number in range(key.start_mark.line, _last_line(value) + 1):
        line = lines[number]
        indent = len(line) - len(line.lstrip(" "))
        lines[number] = f"{line[:indent]}# {line[indent:]}"
    return "".join(lines)


def with_entry(text: str, name: str, kinds: Collection[str], entry: Mapping[str, Any] | None) -> str:
    """Return the text with `entry` as the first of its kinds in a list of the config.

    Args:
        text: The YAML file, which is free of errors.
        name: The list, such as "triggers".
        kinds: The values of `type` that count as the same kind.
        entry: Changes an entry of the same `type`, else takes the place of the first of its kinds, or is added. None takes
            all of its kinds out.
    """
    types = [each.get("type") for each in (yaml.safe_load(text) or {}).get(name) or []]
    same_kind = [index for index, kind in enumerate(types) if kind in kinds]
    if entry is not None and same_kind and types[same_kind[0]] == entry["type"]:
        for key, value in entry.items():
            text = replaced(text, (name, same_kind[0], key), value)
        return text
    for index in reversed(same_kind if entry is None else same_kind[:1]):
        text = commented_out(text, (name, index))
    return text if entry is None else _inserted(text, name, entry)


def _inserted(text: str, name: str, entry: Mapping[str, Any]) -> str:
    """Insert an entry as the first of a list."""
    found = _find(yaml.compose(text, Loader=yaml.SafeLoader), (name,))
    if found is None:
        end = "" if not text or text.endswith("\n") else "\n"
        return f"{text}{end}{name}:\n{' ' * _INDENT}- {_flow(entry)}\n"
    _, key, value = found
    entries = value.value if isinstance(value, yaml.SequenceNode) else []
    if isinstance(value, yaml.SequenceNode) and value.flow_style:
        return changed(text, (name,), _flow([entry, *yaml.safe_load(text)[name]]))
    indent = value.start_mark.column if entries else _INDENT
    lines = text.splitlines(keepends=True)
    lines[key.start_mark.line] = lines[key.start_mark.line].rstrip("\r\n") + "\n"
    lines.insert(key.start_mark.line + 1, f"{' ' * indent}- {_flow(entry)}\n")
    return "".join(lines)


def _find(root: yaml.Node | None, path: KeyPath) -> tuple[Any, yaml.Node, yaml.Node] | None:
    """Return the parent of a path, the node where it begins, and its value."""
    parent: yaml.Node | None = root
    begins: yaml.Node | None = None
    value: yaml.Node | None = root
    for step in path:
        parent = value
        match parent:
            case yaml.MappingNode():
                begins, value = next(((key, val) for key, val in parent.value if key.value == step), (None, None))
            case yaml.SequenceNode() if isinstance(step, int) and step < len(parent.value):
                begins = value = parent.value[step]
            case _:
                return None
        if value is None:
            return None
    return None if begins is None or value is None else (parent, begins, value)


def _last_line(node: yaml.Node) -> int:
    """Return the last line that belongs to a node. The end mark of a block is where the next thing begins."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _last_line(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _last_line(node.value[-1])
    end = node.end_mark
    return int(end.line - 1 if end.column == 0 and end.line > node.start_mark.line else end.line)


def _removed(text: str, path: KeyPath) -> str:
    """Remove what stands within braces or brackets, by writing what is left of them."""
    left = yaml.safe_load(text)
    for step in path[:-1]:
        left = left[step]
    del left[path[-1]]
    return changed(text, path[:-1], _flow(left)) if len(path) > 1 else f"{_flow(left)}\n"


def _flow(value: Any) -> str:
    return str(
        yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    ).strip()
