"""Where files go, by who started the program."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from device_daemon.system.paths import NAME, SYSTEM_CONFIG, SYSTEM_RUNTIME, default_config, folders, socket_candidates


def test_systemd_says_where_and_the_first_of_several_folders_is_ours() -> None:
    found = folders({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "RUNTIME_DIRECTORY": "/run/a", "HOME": "/home/x"})
    assert found.state == Path("/var/lib/a")
    assert found.runtime == Path("/run/a")
    assert found.socket == Path("/run/a/control.sock")


def test_a_person_has_folders_of_their_own() -> None:
    found = folders({"XDG_STATE_HOME": "/home/x/state", "XDG_RUNTIME_DIR": "/run/user/1000"})
    assert found.state == Path("/home/x/state", NAME)
    assert found.runtime == Path("/run/user/1000", NAME)


@pytest.mark.parametrize("environment", [{}, {"XDG_STATE_HOME": "", "XDG_RUNTIME_DIR": "", "STATE_DIRECTORY": ""}])
def test_where_nothing_is_said_the_home_folder_and_a_folder_of_this_user_are_taken(environment: dict[str, str]) -> None:
    found = folders({**environment, "HOME": "/home/x"})
    assert found.state == Path("/home/x/.local/state", NAME)
    assert found.runtime.name == f"{NAME}-{os.getuid()}", "two people on one machine do not get in each other's way"


def test_a_command_looks_for_its_own_speaker_first_and_then_for_the_systems() -> None:
    assert socket_candidates({"XDG_RUNTIME_DIR": "/run/user/1000"}) == [
        Path("/run/user/1000", NAME, "control.sock"),
        SYSTEM_RUNTIME / "control.sock",
    ]
    assert socket_candidates({"RUNTIME_DIRECTORY": str(SYSTEM_RUNTIME)}) == [SYSTEM_RUNTIME / "control.sock"]


def test_a_persons_own_config_is_preferred_to_the_systems(tmp_path: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert default_config(environment) == SYSTEM_CONFIG
    own = tmp_path / NAME / "config.yaml"
    own.parent.mkdir()
    own.touch()
    assert default_config(environment) == own


def test_without_home_and_without_an_entry_in_passwd_everything_has_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", nobody)
    assert default_config({}) == SYSTEM_CONFIG
    found = folders({})
    assert found.state == found.runtime / "state"


def test_a_home_folder_that_may_not_be_looked_into_has_no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_path: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", refuse)  # root, as whom tests may run, may look into all
    assert default_config({"HOME": "/root"}) == SYSTEM_CONFIG
