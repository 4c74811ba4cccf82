"""Mute: by a person, over restarts, or by the hardware switch."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_daemon.device.mute import MuteControl
from device_daemon.system.saved_state import SavedState


@pytest.fixture
def changes() -> list[str]:
    return []


@pytest.fixture
async def mute(tmp_path: Path, changes: list[str]) -> MuteControl:
    return MuteControl(SavedState(tmp_path), lambda: changes.append("changed"))


async def test_the_hardware_switch_wins(mute: MuteControl) -> None:
    mute.set_switch(off=True)
    mute.set(on=True)
    mute.set(on=False)
    assert mute.on
    mute.set_switch(off=False)
    assert not mute.on


async def test_what_changes_nothing_is_reported_to_nobody(mute: MuteControl, changes: list[str]) -> None:
    mute.set(on=False)
    mute.set_switch(off=False)
    assert changes == []
    mute.set(on=True)
    mute.set_switch(off=True)
    mute.set(on=False)
    assert changes == ["changed"]


async def test_what_a_person_chose_outlives_a_restart(tmp_path: Path) -> None:
    before = SavedState(tmp_path)
    MuteControl(before, lambda: None).set(on=True)
    await before.close()
    assert MuteControl(SavedState(tmp_path), lambda: None).on
