"""Rules for what opens a conversation: the greetings it names, hours that are some, and no two schedules at once."""

from __future__ import annotations

from collections.abc import Collection

from device_daemon.config.nodes import Mapping
from device_daemon.config.places import Places
from device_daemon.config.problems import Problems, dotted, instead, quoted
from device_daemon.config.settings import Config, MotionTrigger, ScheduleTrigger
from device_daemon.config.times import DAYS, parse_days, parse_hours, parse_time


def check_triggers(config: Config, greetings: Collection[str], places: Places, problems: Problems) -> None:
    """Note every breach of the rules; `greetings` is what a trigger may name, and each `at` and `days` has its form."""
    for trigger in config.triggers:
        if trigger.greeting not in greetings:
            told = f"found {quoted(trigger.greeting)}{instead(trigger.greeting, greetings)}"
            problems.add(places.value(trigger, "greeting"), told)
        if isinstance(trigger, MotionTrigger) and trigger.between is not None:
            begin, end = parse_hours(trigger.between)
            if begin == end:
                told = f"found {quoted(trigger.between)}, which is no time at all; allowed: two times that differ"
                problems.add(places.value(trigger, "between"), told)
    schedules = [trigger for trigger in config.triggers if isinstance(trigger, ScheduleTrigger)]
    _check_schedules(
        [schedule for schedule in schedules if not _has_a_slip(schedule, places, problems)], places, problems
    )


def _check_schedules(schedules: list[ScheduleTrigger], places: Places, problems: Problems) -> None:
    read = [(schedule, parse_time(schedule.at), parse_days(schedule.days)) for schedule in schedules]
    for schedule, at, days in read:
        spot = places.value(schedule, "at")
        for other, other_at, other_days in read:
            if other is not schedule and other_at == at and (both := days & other_days):
                twin = places.value(other, "at")
                on = "every day" if len(both) == len(DAYS) else ", ".join(DAYS[day] for day in sorted(both))
                user = f"{dotted(twin.path)} ({problems.where(twin, spot)})"
                told = (
                    f"found {quoted(schedule.at)}, as has {user} on the same days ({on}); give each a time of its own"
                )
                problems.add(spot, told)
                break


def _has_a_slip(schedule: ScheduleTrigger, places: Places, problems: Problems) -> bool:
    """Whether a key or value is wrong, other than the greeting, so that nobody knows when it was meant to be."""
    node, path = places.node(schedule), places.value(schedule).path
    keys = node.entries if isinstance(node, Mapping) else ()
    return any(key != "greeting" and problems.noted((*path, key)) for key in keys)
