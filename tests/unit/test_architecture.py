"""The order of the rooms: imports run downwards, no module is in a circle, and each library stays in its room."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from scripts import REPOSITORY

PACKAGE = REPOSITORY / "device_daemon"

ORDER = (
    "errors",
    "state",
    "health",
    "system",
    "language",
    "config",
    "audio",
    "leds",
    "greetings",
    "conversation",
    "voicelive",
    "localservice",
    "timers",
    "tools",
    "device",
    "integrations",
    "triggers",
    "wiring",
    "doctor",
    "setup",
    "daemon",
    "cli",
    "__main__",
)
"""From the ground up: a room may import itself and the rooms before it."""

ROOMS_OF_LIBRARIES: Mapping[str, tuple[str, ...]] = {
    "alsaaudio": ("audio/alsa",),
    "azure": ("voicelive",),
    "mcp": ("tools/mcp_client.py",),
    "gpiozero": ("leds", "triggers", "system/gpio.py"),
}
PURE = (
    "conversation/budget.py",
    "conversation/device_watch.py",
    "conversation/dialogue.py",
    "conversation/parts.py",
    "conversation/playback_ledger.py",
    "conversation/policy.py",
    "conversation/push_to_talk.py",
    "conversation/responses.py",
    "conversation/rules",
    "conversation/service_errors.py",
    "conversation/session_attempts.py",
    "conversation/session_memory.py",
    "conversation/tool_calls.py",
    "conversation/transcript.py",
    "conversation/turn_taking.py",
    "conversation/wait_clock.py",
    "greetings/opening.py",
    "greetings/ledger.py",
    "state.py",
    "errors.py",
    "health.py",
    "language",
    "leds/level.py",
    "leds/patterns.py",
    "device/resting_state.py",
    "timers/countdown.py",
    "timers/entries.py",
    "timers/schedule.py",
    "timers/store.py",
    "timers/text.py",
    "integrations/metrics_text.py",
    "integrations/mqtt_topics.py",
    "setup/answers.py",
    "setup/entries.py",
    "config",
)
"""Modules without I/O, clock or thread."""
IMPURE_LIBRARIES = {"asyncio", "threading", "socket", "alsaaudio", "gpiozero", "azure", "aiohttp"}
MOST_AT_THE_TOP = 10
TOP_OF_REPOSITORY = {
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "device_daemon",
    "systemd",
    "config",
    "tests",
    "scripts",
    "docs",
}

Imports = Mapping[str, frozenset[str]]


def _name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def _imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in the tree, inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                for alias in names:
                    name = f"{module}.{alias.name}"
                    yield name if name in MODULES else module


def _imports() -> Imports:
    return {
        name: frozenset(_imported(ast.parse(path.read_text(encoding="utf-8")))) - {name}
        for name, path in MODULES.items()
    }


IMPORTS = _imports()


def circle(imports: Imports) -> list[str]:
    """Return one circle of modules, the first repeated at its end; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return []
        for needed in sorted(imports.get(name, ())):
            if found := walk(needed, [*path, name]):
                return found
        done.add(name)
        return []

    for name in sorted(imports):
        if found := walk(name, []):
            return found
    return []


def room_of(module: str) -> str:
    """The folder below the package, or the module itself where it stands at the top."""
    return module.split(".")[1] if "." in module else module


def test_the_search_finds_a_circle_where_there_is_one() -> None:
    assert circle({"a": frozenset({"b"}), "b": frozenset({"c"}), "c": frozenset({"a"})}) == ["a", "b", "c", "a"]
    assert circle({"a": frozenset({"b", "c"}), "b": frozenset({"c"}), "c": frozenset()}) == []


def test_no_module_is_in_a_circle() -> None:
    assert circle(IMPORTS) == []


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    if module == "device_daemon":
        return
    rooms = {room_of(needed) for needed in IMPORTS[module] if needed.startswith("device_daemon.")}
    own = ORDER.index(room_of(module))
    assert {room for room in rooms if ORDER.index(room) > own} == set()


@pytest.mark.parametrize("library", ROOMS_OF_LIBRARIES)
def test_a_library_stays_in_its_room(library: str) -> None:
    users = {
        MODULES[name].relative_to(PACKAGE).as_posix()
        for name, needed in IMPORTS.items()
        if any(other == library or other.startswith(f"{library}.") for other in needed)
    }
    assert {user for user in users if not user.startswith(ROOMS_OF_LIBRARIES[library])} == set()


@pytest.mark.parametrize("module", MODULES)
def test_the_pure_core_does_no_input_or_output(module: str) -> None:
    if MODULES[module].relative_to(PACKAGE).as_posix().startswith(PURE):
        assert {needed.split(".")[0] for needed in IMPORTS[module]} & IMPURE_LIBRARIES == set()


def test_few_modules_stand_at_the_top() -> None:
    top = [path.name for path in PACKAGE.glob("*.py") if path.name != "__init__.py"]
    assert len(top) <= MOST_AT_THE_TOP, top


def test_nothing_new_stands_at_the_top_of_the_repository() -> None:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    top = {line.split("/")[0] for line in listed.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= TOP_OF_REPOSITORY


def test_no_two_classes_share_a_name() -> None:
    owners: dict[str, list[str]] = {}
    for name, path in MODULES.items():
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                owners.setdefault(node.name, []).append(name)
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}


def _waits_or_leaves(tree: ast.AST) -> Iterator[str]:
    """Each call in it that waits for the clock, starts a process, or opens a socket or the simulated card."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match ast.unparse(node.func):
            case "asyncio.sleep" if ast.unparse(node.args[0]) == "0":
                pass
            case "time.sleep" | "asyncio.sleep" | "SimulatedCard" as name:
                yield name
            case str(name) if name.startswith(("socket.", "asyncio.open_", "asyncio.create_subprocess")):
                if name != "socket.gaierror":
                    yield name


@pytest.mark.parametrize("path", sorted((REPOSITORY / "tests" / "unit").rglob("*.py")), ids=lambda path: path.stem)
def test_a_unit_test_needs_neither_card_nor_clock_nor_network(path: Path) -> None:
    assert set(_waits_or_leaves(ast.parse(path.read_text(encoding="utf-8")))) == set()
