from __future__ import annotations

from datetime import date, datetime, time, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from device_daemon.system.time_zone import instant, local_zone
from tests.unit.system.zones import DATES, TIMES, ZONES, changes, utc

APIA = ZoneInfo("Pacific/Apia")
BERLIN = ZoneInfo("Europe/Berlin")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
WHERE_ZONES_ARE = "/usr/share/zoneinfo"


@pytest.mark.parametrize(
    ("zone", "at", "day", "expected"),
    [
        (BERLIN, time(2, 30), date(2026, 3, 29), "2026-03-29T01:00"),  # there is none: 02:00 is 03:00
        (BERLIN, time(2), date(2026, 3, 29), "2026-03-29T01:00"),
        (BERLIN, time(3), date(2026, 3, 29), "2026-03-29T01:00"),
        (BERLIN, time(2, 30), date(2026, 10, 25), "2026-10-25T00:30"),  # there are two: the first is summer time
        (BERLIN, time(3), date(2026, 10, 25), "2026-10-25T02:00"),
        (LORD_HOWE, time(2, 15), date(2026, 10, 4), "2026-10-03T15:30"),  # half an hour: 02:00 is 02:30
        (LORD_HOWE, time(1, 45), date(2026, 4, 5), "2026-04-04T14:45"),  # 02:00 is 01:30
        (APIA, time(7, 30), date(2011, 12, 29), "2011-12-29T17:30"),
        (APIA, time(7, 30), date(2011, 12, 30), "2011-12-30T10:00"),  # there is no such day
        (APIA, time(7, 30), date(2011, 12, 31), "2011-12-30T17:30"),
    ],
)
def test_where_clocks_are_changed_a_time_is_once_as_it_is_passed(
    zone: tzinfo, at: time, day: date, expected: str
) -> None:
    assert instant(day, at, zone) == utc(expected)


@settings(deadline=None)
@given(zone=st.sampled_from(ZONES), day=DATES, at=TIMES, on_a_change=st.booleans())
def test_a_time_is_due_when_the_clocks_first_show_it_or_a_later_one(
    zone: tzinfo, day: date, at: time, on_a_change: bool
) -> None:
    if on_a_change:
        days = changes(zone, min(day, date(2036, 12, 30)))
        assume(days)
        day = days[0] + timedelta(days=1)
    wanted = datetime.combine(day, at)
    found = instant(day, at, zone)
    assert datetime.fromtimestamp(found, zone).replace(tzinfo=None, fold=0) >= wanted
    # All clocks on Earth are within 26 hours of each other.
    for earlier_s in range(found - 60, found - 26 * 3600, -60):
        assert datetime.fromtimestamp(earlier_s, zone).replace(tzinfo=None, fold=0) < wanted


def test_the_zone_is_that_of_the_link(tmp_path: Path) -> None:
    link, name = tmp_path / "localtime", tmp_path / "timezone"
    link.symlink_to(f"{WHERE_ZONES_ARE}/Europe/Berlin")
    name.write_text("America/New_York\n", encoding="utf-8")
    assert local_zone(link, name) == BERLIN
    link.unlink()
    link.symlink_to("../usr/share/zoneinfo/America/Argentina/Ushuaia")
    assert local_zone(link, name) == ZoneInfo("America/Argentina/Ushuaia")


@pytest.mark.parametrize("target", ["/usr/share/zoneinfo/Europe/Atlantis", "/etc/passwd", "nowhere", "zoneinfo/"])
def test_without_a_link_that_says_it_the_zone_is_the_one_written_down(tmp_path: Path, target: str) -> None:
    link, name = tmp_path / "localtime", tmp_path / "timezone"
    link.symlink_to(target)
    name.write_text("America/New_York\n", encoding="utf-8")
    assert local_zone(link, name) == ZoneInfo("America/New_York")
    link.unlink()
    link.write_bytes(b"TZif2")
    assert local_zone(link, name) == ZoneInfo("America/New_York")


@pytest.mark.parametrize("written", [b"", b"\n", b"Europe/Atlantis", b"/etc/passwd", b"../x", b"Europe", b"\xff\0"])
def test_where_nothing_names_the_zone_todays_offset_stands_for_it(tmp_path: Path, written: bytes) -> None:
    name = tmp_path / "timezone"
    name.write_bytes(written)
    now = datetime.now().astimezone()
    assert now.astimezone(local_zone(tmp_path / "localtime", name)).utcoffset() == now.utcoffset()
    assert not isinstance(local_zone(tmp_path / "localtime", tmp_path / "nothing"), ZoneInfo)
