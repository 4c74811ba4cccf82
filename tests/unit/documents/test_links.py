"""Every link, file, module and test that a document names is there."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import device_daemon
from scripts import REPOSITORY
from scripts.documents.parts import names, refresh
from tests.unit.documents.markdown import DOCUMENTS, README, Document

EVERY = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
OUR_FOLDERS = ("config", "device_daemon", "docs", "scripts", "systemd", "tests", ".ci", ".github")
PACKAGE_FOLDERS = {path.name for path in (REPOSITORY / "device_daemon").iterdir() if path.is_dir()}
_PATH = re.compile(r"\.?[\w-]+(/[\w.*-]+)+")


@EVERY
def test_the_generated_parts_are_what_the_code_says_now(document: Document) -> None:
    assert document.text == refresh(document.text), "run: .venv/bin/python -m scripts.documents"


def test_each_table_that_is_generated_stands_in_the_document_about_it() -> None:
    for name in ("commands", "config", "lights", "triggers"):
        assert names(DOCUMENTS[f"docs/{name}.md"].text) == [name]


@EVERY
def test_every_link_leads_somewhere(document: Document) -> None:
    for link in document.links():
        target, _, anchor = link.partition("#")
        if target.startswith("http"):
            assert target.startswith("https://"), link
            continue
        path = (document.path.parent / target).resolve() if target else document.path
        assert path.exists(), f"{document.name}: {link} leads nowhere"
        if anchor:
            assert anchor in Document(path).anchors(), f"{document.name}: {link} has no such heading"


def test_the_readme_leads_to_every_document() -> None:
    linked = {(REPOSITORY / link.partition("#")[0]).resolve() for link in README.links()}
    missing = [name for name, document in DOCUMENTS.items() if name.startswith("docs/") and document.path not in linked]
    assert not missing


def named_paths(document: Document) -> Iterator[str]:
    """Yield every path of this project that stands between backticks."""
    for code in document.inline_code():
        for word in code.split():
            found = _PATH.fullmatch(word)
            if found and word.split("/")[0] in {*OUR_FOLDERS, *PACKAGE_FOLDERS}:
                yield word


@EVERY
def test_every_file_that_is_named_is_there(document: Document) -> None:
    for name in named_paths(document):
        places = (REPOSITORY, REPOSITORY / "device_daemon", REPOSITORY / "config")
        assert any((place / name).exists() for place in places), f"{document.name} names {name}, which is not there"


def test_every_promise_of_security_names_the_tests_that_hold_it() -> None:
    rows = [line.split("|")[1:3] for line in DOCUMENTS["docs/security.md"].text.splitlines() if line.startswith("| ")]
    for promise, holds in rows[2:]:
        named = re.findall(r"`([^`]+)`", holds)
        assert named, promise
        for name in named:
            file, _, test = name.partition("::")
            assert (REPOSITORY / file).is_file(), f"{promise}: there is no {file}"
            assert not test or f"def {test}(" in (REPOSITORY / file).read_text(encoding="utf-8"), (
                f"{promise}: no {name}"
            )


def test_the_readme_is_read_in_five_minutes() -> None:
    assert len(README.text.split()) <= 1_200


def test_this_version_has_an_entry_in_the_change_log_and_it_is_the_first() -> None:
    first = re.search(r"^## (\S+)", DOCUMENTS["CHANGELOG.md"].text, re.MULTILINE)
    assert first
    assert first[1] == device_daemon.__version__


def test_the_change_log_of_the_package_is_made_from_points() -> None:
    # scripts/build-deb takes the newest section's lines that begin with "- " or go on with two spaces.
    newest = DOCUMENTS["CHANGELOG.md"].text.split("\n## ")[1].splitlines()[1:]
    assert any(line.startswith("- ") for line in newest)


def test_the_readme_is_that_of_the_package() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert Path(REPOSITORY, project["readme"]) == README.path
