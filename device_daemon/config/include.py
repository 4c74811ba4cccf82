"""What a config takes over from other files, such as those in config/boards: `include: boards/button-led.yaml`.

The config wins, key by key: mappings are merged, everything else is replaced. A key with nothing behind it takes
nothing away. Of several files the later ones win. An included file includes nothing, so there are no circles.
"""

from __future__ import annotations

from pathlib import Path as FilePath
from pathlib import PurePosixPath

from device_daemon.config.document import compose
from device_daemon.config.nodes import Entry, Mapping, Node, Scalar, Sequence, describe
from device_daemon.config.problems import Path, Problems, Spot, instead, printable, quoted
from device_daemon.config.source import text_of
from device_daemon.errors import ConfigError

KEY = "include"
MOST_FILES = 8
SHARED = (FilePath("/usr/local/share/voicelive-speaker"), FilePath("/usr/share/voicelive-speaker"))
"""Where files are looked for that are not beside the config: what scripts/install and the Debian package bring."""


def include(root: Node, folder: FilePath, problems: Problems) -> Node:
    """Return the config `root`, which lies in `folder`, with all that it includes; notes what cannot be had."""
    if not isinstance(root, Mapping) or KEY not in root.entries:
        return root
    entry = root.entries[KEY]
    value = entry.value
    names: list[Node] = value.items if isinstance(value, Sequence) else [value]
    if isinstance(value, Scalar) and not value.is_null:
        # One name stands for a list of one, which is what `settings` describes.
        value = Sequence(names, value.line, value.column)
    below = Mapping({}, flow=False, line=root.line, column=root.column)
    if len(names) > MOST_FILES:
        spot = Spot(entry.value.line, entry.value.column, (KEY,))
        problems.add(spot, f"found {len(names)} files; allowed: at most {MOST_FILES}")
        names = names[:MOST_FILES]
    for index, name in enumerate(names):
        # What is no text is noted when the whole file is converted.
        if isinstance(name, Scalar) and not name.is_null and name.text.strip():
            spot = Spot(name.line, name.column, (KEY, index))
            found = _included(name.text, spot, folder, problems)
            if found is not None:
                below = _merged(found[0], below, (), problems, found[1])
    own = Mapping(root.entries | {KEY: Entry(entry.key, value)}, root.flow, root.line, root.column)
    return _merged(own, below, (), problems, problems)


def _included(name: str, spot: Spot, folder: FilePath, problems: Problems) -> tuple[Mapping, Problems] | None:
    """Return what the file called `name` holds, and where its problems go; None if it cannot be had, which is noted."""
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        problems.add(spot, f"found {quoted(name)}; allowed: a path below the folder of this file, without '..'")
        return None
    places = (folder, *SHARED)
    path = next((place / name for place in places if _is_file(place / name)), None)
    if path is None:
        problems.add(
            spot, f"found {quoted(name)}, and no such file in {_listed(places)}{instead(name, _boards(places))}"
        )
        return None
    try:
        text = text_of(path)
    except ConfigError as error:
        problems.add(spot, error.message)
        return None
    own = problems.of_another(str(path))
    root = compose(text.removeprefix("\ufeff"), own)
    if root is None or (isinstance(root, Scalar) and root.is_null):
        return None
    if not isinstance(root, Mapping):
        own.add(Spot(root.line, root.column), f"found {describe(root)}; allowed: keys with values, as in the config")
        return None
    if KEY in root.entries:
        key = root.entries[KEY].key
        own.add(Spot(key.line, key.column, (KEY,)), "found in a file that is included itself; name it in the config")
    entries = {key: entry for key, entry in root.entries.items() if key != KEY}
    return Mapping(entries, root.flow, root.line, root.column), own


def _merged(above: Mapping, below: Mapping, path: Path, problems: Problems, origin: Problems) -> Mapping:
    """Return `below`, changed by what `above` says, which stands in the file of `origin`; both are at `path`."""
    # The mapping itself stands in the upper file from now on; what only the lower one has stays where it is.
    for name in below.entries:
        problems.comes_from((*path, name), problems.origin((*path, name)))
    if path:
        problems.comes_from(path, origin)
    entries = dict(below.entries)
    for name, entry in above.entries.items():
        inner = (*path, name)
        under = entries.get(name)
        if under is not None and isinstance(under.value, Mapping) and isinstance(entry.value, Mapping):
            entries[name] = Entry(entry.key, _merged(entry.value, under.value, inner, problems, origin))
        elif under is None or not (isinstance(entry.value, Scalar) and entry.value.is_null and not entry.value.text):
            entries[name] = entry
            problems.comes_from(inner, origin)
    return Mapping(entries, above.flow, above.line, above.column)


def _is_file(path: FilePath) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name too long for any file, a folder that may not be looked into
        return False


def _listed(places: tuple[FilePath, ...]) -> str:
    """Return the folders as a sentence has them."""
    names = [printable(str(place)) for place in dict.fromkeys(places)]
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _boards(places: tuple[FilePath, ...]) -> list[str]:
    """Return what there is to include, as one would write it."""
    found = (
        f"{file.parent.name}/{file.name}" for place in places for file in sorted((place / "boards").glob("*.yaml"))
    )
    return list(dict.fromkeys(found))
