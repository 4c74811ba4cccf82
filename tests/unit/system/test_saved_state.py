"""What is remembered across restarts, and that no damage ever opens a microphone that was muted."""

from __future__ import annotations

import json
import logging
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device_daemon.system.saved_state import Remembered, SavedState, decode

FILE = "memory.json"


async def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    state = SavedState(folder)
    state.remembered.last_templates["varied"] = "Good {daypart}!"
    state.remembered.last_conversation_at = datetime(2026, 11, 3, 7, 5, tzinfo=UTC)
    state.remembered.muted = True
    state.remembered.volume = 35
    state.save()
    await state.close()
    assert SavedState(folder).remembered == state.remembered


async def test_a_new_device_remembers_nothing_is_not_muted_and_logs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert SavedState(tmp_path).remembered == Remembered()
    assert not Remembered().muted
    assert not caplog.records


async def test_saving_replaces_the_file_as_a_whole_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    state = SavedState(tmp_path)
    state.save()
    await state.close()
    with (tmp_path / FILE).open("rb") as before:
        state.remembered.volume = 7
        state.save()
        await state.close()
        assert msgspec.json.decode(before.read(), type=Remembered).volume is None, "whoever reads it has all of the old"
    assert [path.name for path in tmp_path.iterdir()] == [FILE]
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


# Damage


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b"{}", b"[" * 100_000])
async def test_a_damaged_file_mutes_and_says_so(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert SavedState(tmp_path).remembered == Remembered(muted=True)
    assert str(tmp_path / FILE) in caplog.text
    assert "the microphone is muted" in caplog.text


async def test_a_file_that_cannot_be_read_mutes(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    assert SavedState(tmp_path).remembered.muted


@pytest.mark.parametrize("muted", ["perhaps", None, 0, 1, [], {}])
def test_a_mute_that_cannot_be_understood_is_mute(muted: Any) -> None:
    remembered, damaged = decode(json.dumps({"muted": muted, "volume": 30}).encode())
    assert remembered == Remembered(muted=True, volume=30)
    assert damaged == ["muted"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("volume", 500),
        ("volume", -1),
        ("last_templates", [1]),
        ("last_conversation_at", "2026-11-03T07:05:00"),  # without a time zone it is no point in time
    ],
)
@pytest.mark.parametrize("muted", [False, True])
def test_a_damaged_field_costs_that_field_and_no_other(name: str, value: Any, muted: bool) -> None:
    good = {"volume": 30, "last_templates": {"a": "b"}, "last_conversation_at": None, "muted": muted}
    remembered, damaged = decode(json.dumps(good | {name: value}).encode())
    assert damaged == [name]
    expected = Remembered(last_templates={"a": "b"}, volume=30, muted=muted)
    setattr(expected, name, getattr(Remembered(), name))
    assert remembered == expected


ANYTHING = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers())


@given(st.binary() | st.dictionaries(st.sampled_from(Remembered.__struct_fields__), ANYTHING).map(json.dumps))
def test_only_a_file_that_says_no_is_not_muted(content: bytes | str) -> None:
    raw = content if isinstance(content, bytes) else content.encode()
    remembered, _ = decode(raw)
    assert remembered.volume is None or 0 <= remembered.volume <= 100
    if not remembered.muted:
        assert json.loads(raw)["muted"] is False


def test_what_a_newer_version_wrote_is_no_damage() -> None:
    assert decode(b'{"muted": false, "invented_later": [1]}') == (Remembered(), [])


# A disk that fails, or takes its time


async def test_a_folder_that_cannot_be_written_is_logged_once_and_is_a_failure_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "state").write_text("a file where the folder should be", encoding="utf-8")
    state = SavedState(tmp_path / "state")
    caplog.clear()
    for volume in (20, 30):
        state.remembered.volume = volume
        state.save()
        await state.close()
    assert len(caplog.records) == 1
    assert "lost when the speaker stops" in caplog.text
    assert not state.health.ok
    (tmp_path / "state").unlink()
    state.save()
    await state.close()
    assert state.health.ok
    assert "can be written again" in caplog.text
