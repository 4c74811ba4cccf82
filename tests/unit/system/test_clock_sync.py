"""When a device's clock can be trusted."""

from pathlib import Path

from device_daemon.system import clock_sync

NOW_S = clock_sync.NOT_BEFORE_S + 1000.0


def is_set(now_s: float, run: Path, *, kernel: bool = False) -> bool:
    """Whether the clock is set, where the kernel says so or not."""
    return clock_sync.is_set(now_s, run, kernel_is_synchronized=lambda: kernel)


def timesync(run: Path) -> Path:
    folder = run / "systemd" / "timesync"
    folder.mkdir(parents=True)
    return folder


def test_a_date_before_this_program_was_written_is_wrong_whatever_anybody_says(tmp_path: Path) -> None:
    (timesync(tmp_path) / "synchronized").touch()
    assert not is_set(clock_sync.NOT_BEFORE_S - 1.0, tmp_path)


def test_where_timesyncd_runs_its_word_counts(tmp_path: Path) -> None:
    folder = timesync(tmp_path)
    assert not is_set(NOW_S, tmp_path)
    (folder / "synchronized").touch()
    assert is_set(NOW_S, tmp_path)


def test_where_another_time_service_runs_the_kernels_word_counts(tmp_path: Path) -> None:
    (tmp_path / "chrony").mkdir()
    assert not is_set(NOW_S, tmp_path)
    assert is_set(NOW_S, tmp_path, kernel=True)


def test_where_nobody_sets_it_a_plausible_date_has_to_do(tmp_path: Path) -> None:
    assert is_set(NOW_S, tmp_path)
    assert not clock_sync.is_kept(tmp_path, kernel_is_synchronized=lambda: False)
    timesync(tmp_path)
    assert clock_sync.is_kept(tmp_path)
