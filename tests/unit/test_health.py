from __future__ import annotations

from device_daemon.errors import ConnectionLost, ServiceUnreachable
from device_daemon.health import Health, Part


def test_a_part_works_until_it_says_otherwise() -> None:
    health = Health(Part.SPEAKER)
    assert health.ok
    assert health.as_dict(5.0) == {"ok": True, "reason": None, "for_s": None}


def test_a_failure_is_news_once_and_keeps_its_first_time() -> None:
    health = Health(Part.SERVICE)
    assert health.failed(ServiceUnreachable("no network"), 10.0)
    assert not health.failed(ServiceUnreachable("no network"), 20.0)
    assert health.as_dict(30.0) == {"ok": False, "reason": "no network", "for_s": 20.0}


def test_another_reason_is_news_and_does_not_begin_the_time_anew() -> None:
    health = Health(Part.SERVICE)
    health.failed(ServiceUnreachable("no network"), 10.0)
    assert health.failed(ConnectionLost("no network"), 20.0)
    assert health.failed(ConnectionLost("broken off"), 21.0)
    assert health.since_s == 10.0


def test_only_a_part_that_had_failed_recovers() -> None:
    health = Health(Part.MICROPHONE)
    assert not health.recovered(1.0)
    health.failed(ServiceUnreachable("no network"), 2.0)
    assert health.recovered(3.0)
    assert health.ok
    assert health.as_dict(4.0) == {"ok": True, "reason": None, "for_s": 1.0}
