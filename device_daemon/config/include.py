"""Included files: a config takes over what other files say, such as `include: boards/button-led.yaml`.

The config wins, key by key: mappings are merged, everything else is replaced. A key without a value changes nothing. Of
several files the later ones win. An included file cannot include another, so there are no cycles.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from pathlib import PurePosixPath

from device_daemon.config.document import compose
from device_daemon.config.nodes import Entry, Mapping, Node, Scalar, Sequence, describe
from device_daemon.config.problems import Location, Path, Problems, alternatives, printable, quoted
from device_daemon.config.source import text_of
from device_daemon.errors import ConfigError

KEY = "include"
MOST_FILES = 8
SUFFIXES = (".yaml", ".yml")
"""Of the included file itself, where its name is a link."""
SHARED = (FilePath("/usr/local/share/voicelive-speaker"), FilePath("/usr/share/voicelive-speaker"))
"""Search path after the folder of the config: where scripts/install and the Debian package put shared files."""


def include(root: Node, folder: FilePath, problems: Problems) -> Node:
    """Return the config `root` of a file in `folder`, merged with the files it includes; reports those it cannot read."""
    if not isinstance(root, Mapping) or KEY not in root.entries:
        return root
    entry = root.entries[KEY]
    value = entry.value
    names: list[Node] = value.items if isinstance(value, Sequence) else [value]
    if isinstance(value, Scalar) and not value.is_null:
        # A single name counts as a list of one, the type in `settings`.
        value = Sequence(names, value.line, value.column)
    below = Mapping({}, flow=False, line=root.line, column=root.column)
    if len(names) > MOST_FILES:
        location = Location(entry.value.line, entry.value.column, (KEY,))
        problems.add(location, f"found {len(names)} files; allowed: at most {MOST_FILES}")
        names = names[:MOST_FILES]
    for index, name in enumerate(names):
        # A name that is not text is reported when the file is converted.
        if isinstance(name, Scalar) and not name.is_null and name.text.strip():
            location = Location(name.line, name.column, (KEY, index))
            found = _included(name.text, location, folder, problems)
            if found is not None:
                below = _merged(found[0], below, (), problems, found[1])
    own = Mapping(root.entries | {KEY: Entry(entry.key, value)}, root.flow, root.line, root.column)
    return _merged(own, below, (), problems, problems)


def _included(name: str, location: Location, folder: FilePath, problems: Problems) -> tuple[Mapping, Problems] | None:
    """Return the content of the file `name` and the list for its problems; None if it is unusable, which is reported."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        problems.add(location, f"found {quoted(name)}; allowed: a path below the folder of this file, without '..'")
        return None
    folders = (folder, *SHARED)
    path = next((place / name for place in folders if _is_file(place / name)), None)
    if path is None:
        problems.add(
            location,
            f"found {quoted(name)}, and no such file in {_listed(folders)}{alternatives(name, _boards(folders))}",
        )
        return None
    if path.resolve().suffix not in SUFFIXES:
        # Messages quote the file: through a link, they would show the first line of a password or key file.
        problems.add(
            location,
            f"found {quoted(name)}, which is no YAML file; allowed: a file called {' or '.join(f'*{s}' for s in SUFFIXES)}",
        )
        return None
    try:
        text = text_of(path)
    except ConfigError as error:
        problems.add(location, error.message)
        return None
    text = text.removeprefix("\ufeff")
    own = problems.for_included_file(str(path), text)
    root = compose(text, own)
    if root is None or (isinstance(root, Scalar) and root.is_null):
        return None
    if not isinstance(root, Mapping):
        own.add(
            Location(root.line, root.column), f"found {describe(root)}; allowed: keys with values, as in the config"
        )
        return None
    if KEY in root.entries:
        key = root.entries[KEY].key
        own.add(
            Location(key.line, key.column, (KEY,)), "found in a file that is included itself; name it in the config"
        )
    entries = {key: entry for key, entry in root.entries.items() if key != KEY}
    return Mapping(entries, root.flow, root.line, root.column), own


def _merged(above: Mapping, below: Mapping, path: Path, problems: Problems, origin: Problems) -> Mapping:
    """Return `below` overridden by `above`, which is in the file of `origin`; both are at `path`."""
    # The merged mapping belongs to the upper file; keys that only the lower file has keep their origin.
    for name in below.entries:
        problems.set_origin((*path, name), problems.origin((*path, name)))
    if path:
        problems.set_origin(path, origin)
    entries = dict(below.entries)
    for name, entry in above.entries.items():
        inner = (*path, name)
        under = entries.get(name)
        if under is not None and isinstance(under.value, Mapping) and isinstance(entry.value, Mapping):
            entries[name] = Entry(entry.key, _merged(entry.value, under.value, inner, problems, origin))
        elif under is None or not (isinstance(entry.value, Scalar) and entry.value.is_null and not entry.value.text):
            entries[name] = entry
            problems.set_origin(inner, origin)
    return Mapping(entries, above.flow, above.line, above.column)


def _is_file(path: FilePath) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file, a folder that may not be looked into
        return False


def _listed(folders: tuple[FilePath, ...]) -> str:
    """Return the folders as a list in a sentence."""
    names = [printable(str(place)) for place in dict.fromkeys(folders)]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _boards(folders: tuple[FilePath, ...]) -> list[str]:
    """Return the names of the board files that exist, as a config would write them."""
    found = (
        f"{file.parent.name}/{file.name}" for place in folders for file in sorted((place / "boards").glob("*.yaml"))
    )
    return list(dict.fromkeys(found))
