"""Local time: the device's time zone as it is set now, and when clocks in a zone first show a time (DST gap and overlap)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo


def local_zone(link: Path = Path("/etc/localtime"), name: Path = Path("/etc/timezone")) -> tzinfo:
    """Return the device's time zone as it is set now; where it has no name, today's offset from UTC."""
    for key in _names(link, name):
        # KeyError: there is no such zone on this machine; ValueError: it is no name of one.
        with contextlib.suppress(OSError, KeyError, ValueError):
            return ZoneInfo(key)
    return datetime.now().astimezone().tzinfo or UTC


def instant(day: date, at: time, zone: tzinfo) -> int:
    """Return the seconds since 1970 at which clocks in `zone` first show `at` on `day`, or jump over it."""
    wanted = datetime.combine(day, at)
    early, late = sorted(int(wanted.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1))
    if shown(early, zone) == wanted:
        return early
    # Where clocks jump over a time, its two readings, by the offset before and after, lie on either side of the jump.
    while late - early > 1:
        middle = (early + late) // 2
        if shown(middle, zone) < wanted:
            early = middle
        else:
            late = middle
    return late


def shown(epoch_s: float, zone: tzinfo) -> datetime:
    """Return what clocks in `zone` show, without the zone."""
    return datetime.fromtimestamp(epoch_s, zone).replace(tzinfo=None, fold=0)


def _names(link: Path, name: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):
        yield str(link.readlink()).rpartition("zoneinfo/")[2]
    with contextlib.suppress(OSError, ValueError):
        yield name.read_text(encoding="utf-8").strip()
