"""What is remembered across restarts, and what a damaged file costs: nothing but the memory."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device_daemon.system.saved_state import Remembered, SavedState


def test_what_was_saved_is_there_after_a_restart(tmp_path: Path) -> None:
    memory = SavedState(tmp_path / "not" / "there" / "yet")
    memory.remembered.last_templates["varied"] = "Good {daypart}!"
    memory.remembered.last_conversation_at = datetime(2026, 11, 3, 7, 5, tzinfo=UTC)
    memory.remembered.muted = True
    memory.remembered.volume = 35
    memory.save()
    assert SavedState(tmp_path / "not" / "there" / "yet").remembered == memory.remembered


def test_a_new_device_remembers_nothing_and_says_nothing_about_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert SavedState(tmp_path).remembered == Remembered()
    assert not caplog.records


def test_saving_replaces_the_file_as_a_whole(tmp_path: Path) -> None:
    memory = SavedState(tmp_path)
    memory.save()
    with (tmp_path / "memory.json").open("rb") as before:
        memory.remembered.volume = 7
        memory.save()
        assert msgspec.json.decode(before.read(), type=Remembered).volume is None, "whoever reads it has all of the old"
    assert [path.name for path in tmp_path.iterdir()] == ["memory.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b'{"muted": "perhaps"}',
        b"[]",
        b"\xff\xfe",
        b'{"volume": 500}',
        b'{"volume": -1}',
        b'{"last_conversation_at": "2026-11-03T07:05:00"}',  # without a time zone nothing can be told of it
    ],
)
def test_a_damaged_file_is_told_and_dropped(content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "memory.json").write_bytes(content)
    memory = SavedState(tmp_path)
    assert memory.remembered == Remembered()
    assert str(tmp_path / "memory.json") in caplog.text
    memory.save()
    assert SavedState(tmp_path).remembered == Remembered()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary() | st.dictionaries(st.sampled_from(Remembered.__struct_fields__), st.none() | st.text() | st.integers()).map(lambda found: json.dumps(found).encode()))  # fmt: skip
def test_no_content_whatsoever_keeps_the_speaker_from_starting(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_bytes(content)
    remembered = SavedState(tmp_path).remembered
    assert remembered.volume is None or 0 <= remembered.volume <= 100


def test_what_a_newer_version_wrote_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text('{"muted": true, "invented_later": [1]}', encoding="utf-8")
    assert SavedState(tmp_path).remembered.muted


def test_a_folder_that_cannot_be_written_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    (tmp_path / "state").write_text("a file where the folder should be", encoding="utf-8")
    memory = SavedState(tmp_path / "state")
    caplog.clear()
    memory.remembered.volume = 20
    memory.save()
    memory.save()
    assert len(caplog.records) == 1
    assert "forgets" in caplog.text
    assert memory.remembered.volume == 20
