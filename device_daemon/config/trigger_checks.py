"""Validation of triggers: greetings they name, empty time spans, schedules at the same time."""

from __future__ import annotations

from collections.abc import Collection

from device_daemon.config.nodes import Mapping
from device_daemon.config.problems import Problems, alternatives, dotted, quoted
from device_daemon.config.settings import Config, MotionTrigger, Night, ScheduleTrigger
from device_daemon.config.source_map import SourceMap
from device_daemon.config.times import DAYS, parse_days, parse_hours, parse_time


def check_triggers(
    config: Config,
    greetings: Collection[str],
    assistants: Collection[str],
    source_map: SourceMap,
    problems: Problems,
) -> None:
    """Report every broken rule; the form of `at` and `days` is checked already.

    `greetings` and `assistants` are what a trigger may name.
    """
    for trigger in config.triggers:
        for key, name, names in (
            ("greeting", trigger.greeting, greetings),
            ("assistant", trigger.assistant, assistants),
        ):
            if name not in names:
                problems.add(source_map.value(trigger, key), f"found {quoted(name)}{alternatives(name, names)}")
        if isinstance(trigger, MotionTrigger):
            check_span(trigger, source_map, problems)
    schedules = [trigger for trigger in config.triggers if isinstance(trigger, ScheduleTrigger)]
    _check_schedules(
        [schedule for schedule in schedules if not _has_problem(schedule, source_map, problems)], source_map, problems
    )


def check_span(hours: MotionTrigger | Night, source_map: SourceMap, problems: Problems) -> None:
    """Report a time span that is empty."""
    if hours.between is not None:
        begin, end = parse_hours(hours.between)
        if begin == end:
            sentence = f"found {quoted(hours.between)}, which is an empty span; allowed: two times that differ"
            problems.add(source_map.value(hours, "between"), sentence)


def _check_schedules(schedules: list[ScheduleTrigger], source_map: SourceMap, problems: Problems) -> None:
    read = [(schedule, parse_time(schedule.at), parse_days(schedule.days)) for schedule in schedules]
    for schedule, at, days in read:
        location = source_map.value(schedule, "at")
        for other, other_at, other_days in read:
            if other is not schedule and other_at == at and (both := days & other_days):
                twin = source_map.value(other, "at")
                on = "every day" if len(both) == len(DAYS) else ", ".join(DAYS[day] for day in sorted(both))
                user = f"{dotted(twin.path)} ({problems.where(twin, location)})"
                sentence = (
                    f"found {quoted(schedule.at)}, as has {user} on the same days ({on}); give each a time of its own"
                )
                problems.add(location, sentence)
                break


def _has_problem(schedule: ScheduleTrigger, source_map: SourceMap, problems: Problems) -> bool:
    """Whether a key or value other than the names it gives is invalid, so that the time is not known."""
    node, path = source_map.node(schedule), source_map.value(schedule).path
    keys = node.entries if isinstance(node, Mapping) else ()
    return any(key not in {"greeting", "assistant"} and problems.has_problem_at((*path, key)) for key in keys)
