"""What scripts/setup, scripts/install and the Debian package take from the package index is pinned, file by file."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from device_daemon.integrations import mqtt
from device_daemon.tools import mcp_servers
from device_daemon.triggers import wakeword_models
from scripts import REPOSITORY

FOLDER: Final = REPOSITORY / "scripts" / "requirements"
PROJECT: Final = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
OF_THE_SPEAKER: Final = ("echo", "mcp", "mqtt", "pi", "wakeword")
SHELL: Final = [
    path for path in (REPOSITORY / "scripts").rglob("*") if path.is_file() and path.suffix not in {".pyc", ".txt"}
]


def pinned(path: Path) -> Iterator[tuple[Requirement, int]]:
    """Yield each requirement of a file with the number of its hashes."""
    for entry in path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        if not entry.startswith("#"):
            requirement, *hashes = re.split(r"\s+--hash=sha256:(?=[0-9a-f]{64}\b)", entry.rstrip())
            yield Requirement(requirement), len(hashes)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_every_package_is_pinned_to_one_version_and_to_its_files(path: Path) -> None:
    entries = list(pinned(path))
    assert entries
    assert all(re.fullmatch(r"==[^*,]+", str(requirement.specifier)) and hashes for requirement, hashes in entries)


def asked_for(*extras: str) -> Iterator[Requirement]:
    """Yield what pyproject.toml asks for, but for the project itself."""
    project = PROJECT["project"]
    lists = [project["dependencies"], *(project["optional-dependencies"][extra] for extra in extras)]
    wanted = [Requirement(text) for each in lists for text in each]
    return (requirement for requirement in wanted if requirement.name != project["name"])


@pytest.mark.parametrize(
    ("sets", "extras"),
    [
        (["build"], []),
        (["build", "speaker"], OF_THE_SPEAKER),
        (["build", "speaker", "demo", "dev"], PROJECT["project"]["optional-dependencies"]),
    ],
    ids=["build", "owner", "developer"],
)
def test_what_pyproject_asks_for_is_pinned_to_a_version_that_it_takes(sets: list[str], extras: list[str]) -> None:
    versions = {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for name in sets
        for requirement, _ in pinned(FOLDER / f"{name}.txt")
    }
    built_with = [Requirement(text) for text in PROJECT["build-system"]["requires"]]
    for requirement in [*built_with, *(asked_for(*extras) if extras else ())]:
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


@pytest.mark.parametrize(
    ("named", "extra"),
    [
        (wakeword_models.REQUIREMENT, "wakeword"),
        (wakeword_models.OPEN_REQUIREMENT, "openwakeword"),
        (mcp_servers.REQUIREMENT, "mcp"),
        (mqtt.REQUIREMENT, "mqtt"),
    ],
)
def test_what_a_missing_package_is_called_is_what_pyproject_asks_for(named: str, extra: str) -> None:
    (asked,) = PROJECT["project"]["optional-dependencies"][extra]
    assert str(Requirement(asked)).partition(";")[0].strip() == str(Requirement(named))


def test_no_script_has_pip_take_anything_from_the_index_unverified() -> None:
    for path in SHELL:
        lines = path.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
        if path.name == "home-assistant":
            continue  # a proof beside the project, in an environment of its own
        for line in lines:
            if not line.startswith("#") and re.search(r"pip\"?\s.*\b(install|wheel|download)\b", line):
                assert re.search(r"--no-index|--require-hashes|\{options|scripts/pip-verified", line), (path, line)
