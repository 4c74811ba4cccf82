"""The surroundings of a program: the clock, the name lookups and the disk that it believes in."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scripts.rig.surroundings import Lookup, Surroundings

DAY_S = 86_400


@pytest.fixture
def surroundings(tmp_path: Path) -> Surroundings:
    return Surroundings(tmp_path)


def printed(surroundings: Surroundings, program: str, **more: Any) -> str:
    environment = {**os.environ, **surroundings.environment()}
    command = [sys.executable, "-c", program]
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True, **more
    )
    return done.stdout.strip()


def test_the_time_of_day_jumps_and_the_monotonic_clock_does_not(surroundings: Surroundings) -> None:
    clocks = "import time, datetime; print(time.time(), datetime.datetime.now().timestamp(), time.monotonic())"
    surroundings.step_clock(-DAY_S)
    before_s, before_monotonic_s = time.time(), time.monotonic()
    wall_s, dated_s, monotonic_s = map(float, printed(surroundings, clocks).split())
    assert before_s <= wall_s + DAY_S <= time.time()
    assert before_s <= dated_s + DAY_S <= time.time()
    assert before_monotonic_s <= monotonic_s <= time.monotonic()
    surroundings.restore()
    assert before_s <= float(printed(surroundings, clocks).split()[0])


def test_names_are_not_found_or_the_lookup_hangs_until_it_is_let_go(surroundings: Surroundings) -> None:
    lookup = "import socket\ntry: print(socket.getaddrinfo('localhost', 80)[0][4][1])\nexcept OSError as e: print(e)"
    assert printed(surroundings, lookup) == "80"
    surroundings.look_up(Lookup.FAILS)
    assert "Temporary failure in name resolution" in printed(surroundings, lookup)
    surroundings.look_up(Lookup.HANGS)
    with pytest.raises(subprocess.TimeoutExpired):
        printed(surroundings, lookup, timeout=1.0)


def test_a_slow_disk_takes_its_time_to_write(surroundings: Surroundings, tmp_path: Path) -> None:
    took = "import os, sys, time; began = time.monotonic(); os.fsync(2); print(time.monotonic() - began)"
    surroundings.slow_disk(200)
    with (tmp_path / "file").open("wb") as file:
        assert float(printed(surroundings, took.replace("2)", f"{file.fileno()})"), pass_fds=[file.fileno()])) >= 0.2


def test_without_a_route_no_connection_is_made_to_another_process_but_to_one_of_this_machine_by_path(
    surroundings: Surroundings, tmp_path: Path
) -> None:
    surroundings.cut_off()
    connect = "import socket\ntry: socket.create_connection(('127.0.0.1', 9))\nexcept OSError as e: print(e)"
    assert "No route to host" in printed(surroundings, connect)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        printed(surroundings, f"import socket; socket.socket(socket.AF_UNIX).connect({str(tmp_path / 'socket')!r})")
    surroundings.restore()
    assert "Connection refused" in printed(surroundings, connect)
