"""What the benchmark reads from /proc, and its control groups."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.benchmark import process
from scripts.benchmark.cgroup import Group, hierarchies
from scripts.benchmark.command_line import CannotMeasure
from scripts.benchmark.noise import MOST_LATE_MS, MOST_LOAD_PER_CORE, MOST_STEAL_PERCENT, Quiet, watched

SMAPS = """\
55d0c0000000-55d0c0001000 r--p 00000000 fe:00 1234                       /usr/bin/python3.11
Rss:                2048 kB
Pss:                1024 kB
Pss_Dirty:           512 kB
Private_Clean:       100 kB
Private_Dirty:       412 kB
VmFlags: rd mr mw me sd
7f0000000000-7f0004000000 rw-s 00000000 00:01 77                         /memfd:simcard (deleted)
Rss:               20480 kB
Pss:               10240 kB
Private_Dirty:      5000 kB
7f0005000000-7f0005001000 rw-p 00000000 00:00 0
Rss:                 512 kB
Pss:                 512 kB
Private_Dirty:       512 kB
"""


def test_memory_is_counted_without_the_simulated_cards_tracks() -> None:
    found = process.memory_in(SMAPS.splitlines())
    assert found == process.Memory(pss_mib=1.5, rss_mib=2.5, private_mib=1.0)


def test_of_a_real_process_all_of_it_can_be_read() -> None:
    pid = os.getpid()
    found = process.memory(pid)
    assert 0 < found.private_mib <= found.pss_mib <= found.rss_mib
    assert process.cpu_s(pid) > 0
    assert process.descriptors(pid) >= 3
    assert pid in process.threads(pid)
    assert process.switches(pid) > 0
    assert process.realtime_threads(pid) == []


def test_a_quiet_machine_gets_no_complaint_and_a_noisy_one_gets_each_reason() -> None:
    quiet = Quiet(0.1, 0.0, 0.1, MOST_LATE_MS, 5.0)
    assert quiet.complaint("now", 2) is None
    noisy = Quiet(2 * MOST_LOAD_PER_CORE + 0.1, MOST_STEAL_PERCENT + 1, 0.1, MOST_LATE_MS + 1, 50.0)
    told = noisy.complaint("now", 2)
    assert told is not None
    assert told.startswith("this machine is noisy now (the load is 1.3 on 2 cores; its host takes 2.0 %")
    assert "comes 2.0 ms late" in told


def test_while_it_measures_the_load_is_its_own_and_no_complaint() -> None:
    assert Quiet(9.0, 0.0, 0.1, 0.1, 0.1).complaint("now", 2, of_load=False) is None


async def test_the_machine_is_watched_by_a_process_that_ends_with_the_watching() -> None:
    async with watched() as watch:
        assert watch.found is None
    assert watch.found is not None
    assert 0 <= watch.found.late_median_ms <= watch.found.late_p99_ms <= watch.found.late_most_ms


MOUNTS = """\
29 1 0:26 / /sys/fs/cgroup rw,relatime shared:9 - tmpfs tmpfs rw,mode=755
30 29 0:27 / /sys/fs/cgroup/unified rw,relatime shared:10 - cgroup2 cgroup2 rw
31 29 0:28 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset
32 29 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
"""


def test_the_processors_control_groups_of_both_versions_are_found() -> None:
    assert hierarchies(MOUNTS) == [(Path("/sys/fs/cgroup/unified"), 2), (Path("/sys/fs/cgroup/cpu,cpuacct"), 1)]


def test_version_2_takes_quota_and_period_in_one_file(tmp_path: Path) -> None:
    Group(tmp_path, 2, 1500).limit()
    assert (tmp_path / "cpu.max").read_text() == "1500 10000"


def test_version_1_takes_them_in_two(tmp_path: Path) -> None:
    Group(tmp_path, 1, 1500).limit()
    assert (tmp_path / "cpu.cfs_quota_us").read_text() == "1500"
    assert (tmp_path / "cpu.cfs_period_us").read_text() == "10000"


def test_how_often_it_had_to_wait_is_read_from_its_statistics(tmp_path: Path) -> None:
    (tmp_path / "cpu.stat").write_text("nr_periods 100\nnr_throttled 7\nthrottled_time 12345\n")
    assert Group(tmp_path, 1, 1500).throttled() == (7, 100)


def test_a_thread_that_is_not_in_the_group_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "tasks").write_text("1\n")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        try:
            with pytest.raises(CannotMeasure, match="1 threads of the daemon are not in"):
                Group(tmp_path, 1, 1500).add(child.pid)
            (tmp_path / "tasks").write_text(f"1\n{child.pid}\n")
            Group(tmp_path, 1, 1500).add(child.pid)
        finally:
            child.kill()
    assert (tmp_path / "cgroup.procs").read_text() == str(child.pid)
