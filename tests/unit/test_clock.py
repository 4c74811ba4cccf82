"""When a device's clock can be trusted."""

from pathlib import Path

from device_daemon import clock

NOW_S = clock.NOT_BEFORE_S + 1000.0


def test_a_date_before_this_program_was_written_is_wrong_whatever_anybody_says(tmp_path: Path) -> None:
    (tmp_path / "synchronized").touch()
    assert not clock.is_set(clock.NOT_BEFORE_S - 1.0, tmp_path)


def test_where_timesyncd_runs_its_word_counts(tmp_path: Path) -> None:
    assert not clock.is_set(NOW_S, tmp_path)
    (tmp_path / "synchronized").touch()
    assert clock.is_set(NOW_S, tmp_path)
