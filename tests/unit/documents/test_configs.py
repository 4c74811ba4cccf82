"""Every config in the documents is a right one, and every other YAML file at least YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from device_daemon.config.reader import load
from device_daemon.config.settings import ButtonTrigger
from scripts import REPOSITORY
from tests.unit.documents.markdown import DOCUMENTS

FLEET = REPOSITORY / "docs" / "fleet"
INVENTORY = yaml.safe_load((FLEET / "inventory.yaml").read_text(encoding="utf-8"))["speakers"]["hosts"]
CONFIGS = [(name, block) for name, document in DOCUMENTS.items() for block in document.blocks() if block.kind == "yaml"]
OTHERS = [
    (name, block)
    for name, document in DOCUMENTS.items()
    for block in document.blocks()
    if block.kind.startswith("yaml ")
]


def test_there_are_some() -> None:
    assert {"README.md", "docs/greetings.md", "docs/triggers.md", "docs/lights.md"} <= {name for name, _ in CONFIGS}


@pytest.mark.parametrize(("name", "block"), CONFIGS, ids=[name for name, _ in CONFIGS])
def test_a_config_can_be_copied_and_works(name: str, block: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "boards").symlink_to(REPOSITORY / "config" / "boards")
    path = tmp_path / "config.yaml"
    path.write_text(block[1].replace("my-resource", "kitchen"), encoding="utf-8")
    assert load(path).service, name


@pytest.mark.parametrize(("name", "block"), OTHERS, ids=[name for name, _ in OTHERS])
def test_a_file_for_another_program_is_yaml(name: str, block: tuple[str, str]) -> None:
    assert yaml.safe_load(block[1]), name


@pytest.mark.parametrize("host", INVENTORY)
def test_each_speaker_of_the_fleet_gets_a_right_config(host: str, tmp_path: Path) -> None:
    (tmp_path / "boards").symlink_to(REPOSITORY / "config" / "boards")
    site = (FLEET / "site.yaml").read_text(encoding="utf-8").replace("my-resource", "kitchen")
    (tmp_path / "site.yaml").write_text(site, encoding="utf-8")
    own = {"include": INVENTORY[host]["speaker_include"]} | INVENTORY[host]["speaker_config"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(own), encoding="utf-8")
    config = load(tmp_path / "config.yaml")
    assert config.greetings["welcome"].say
    assert isinstance(config.triggers[0], ButtonTrigger)


def test_the_playbook_leaves_to_each_speaker_what_the_inventory_says_of_it() -> None:
    (play,) = yaml.safe_load((FLEET / "playbook.yaml").read_text(encoding="utf-8"))
    own = {name for host in INVENTORY.values() for name in host}
    assert own.isdisjoint(play["vars"]), "a play's variables win over those of a host"


def test_the_first_boot_of_a_fleet_knows_no_secret() -> None:
    text = (FLEET / "user-data.yaml").read_text(encoding="utf-8")
    assert text.startswith("#cloud-config\n")
    assert yaml.safe_load(text)["ssh_pwauth"] is False
    assert "voicelive_api_key" not in text


def test_what_must_hold_is_run_on_both_debians() -> None:
    workflow = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    job = workflow["jobs"]["ci"]
    assert job["strategy"]["matrix"]["debian"] == ["12", "13"]
    assert job["container"]["image"] == "debian:${{ matrix.debian }}"
    assert job["steps"][-1]["run"] == ".ci/run"
