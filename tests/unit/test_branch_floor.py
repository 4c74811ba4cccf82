"""The floor under the branch coverage."""

from __future__ import annotations

import pytest

from scripts.branch_floor import below_floor, rooms_of


def report(**branches: tuple[int, int]) -> dict[str, dict[str, dict[str, dict[str, int]]]]:
    return {
        "files": {
            f"device_daemon/{name.replace('__', '/')}.py": {"summary": {"covered_branches": taken, "num_branches": of}}
            for name, (taken, of) in branches.items()
        }
    }


def test_the_files_of_a_room_are_counted_together() -> None:
    rooms = rooms_of(report(config__a=(90, 100), config__b=(10, 10), cli=(1, 4), state=(0, 0)))
    assert rooms == {"cli": 25.0, "config": pytest.approx(90.9, abs=0.1)}


def test_a_room_under_the_floor_is_named_and_so_is_one_that_no_test_imports() -> None:
    assert below_floor({"config": 94.9, "greetings": 95.0, "cli": 3.0}) == ["config", "conversation"]
