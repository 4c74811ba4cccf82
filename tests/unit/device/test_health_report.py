"""The health of all parts: what counts, what is published, what `status` shows."""

from __future__ import annotations

from device_daemon.device.events import HealthChanged
from device_daemon.device.health_report import HealthReport
from device_daemon.errors import DeviceGone
from device_daemon.health import Health, Part

BROKEN = DeviceGone("the speaker is gone: plug it in again", "default")


async def test_a_part_that_fails_is_published_once_and_its_recovery_too() -> None:
    speaker, published = Health(Part.SPEAKER), list[HealthChanged]()
    report = HealthReport([speaker], published.append)
    report.publish_changes()
    assert published == []
    speaker.failed(BROKEN, 1.0)
    report.publish_changes()
    report.publish_changes()
    speaker.recovered(2.0)
    report.publish_changes()
    assert [(event.part, event.ok) for event in published] == [(Part.SPEAKER, False), (Part.SPEAKER, True)]
    assert published[0].reason == str(BROKEN)


async def test_the_most_important_failure_is_the_reason() -> None:
    speaker, words = Health(Part.SPEAKER), Health(Part.WAKE_WORDS)
    report = HealthReport([speaker, words], lambda _: None)
    assert report.reason is None
    words.failed(DeviceGone("no word is heard", "default"), 1.0)
    speaker.failed(BROKEN, 1.0)
    assert report.reason == str(BROKEN)
    assert report.failures(besides=frozenset({Part.WAKE_WORDS})) == [BROKEN]
    assert report.any_fails(Part.SERVICE, Part.SPEAKER)
    assert not report.any_fails(Part.SERVICE)


async def test_what_the_speaker_can_do_without_is_shown_and_keeps_it_from_nothing() -> None:
    broker = Health(Part.MQTT)
    report = HealthReport([Health(Part.SPEAKER)], lambda _: None)
    report.add(broker)
    broker.failed(BROKEN, 1.0)
    assert report.failures() == []
    assert report.as_dict(3.0)[Part.MQTT] == {"ok": False, "reason": str(BROKEN), "for_s": 2.0}
