"""Cooldown of a motion sensor: when it may open a conversation. A pure rule, times passed in.

A person who walks past is greeted; one who sits in front of the sensor, or has just ended a conversation, is not.
"""

from __future__ import annotations

from datetime import time
from typing import Final

from device_daemon.config.settings import MotionTrigger
from device_daemon.config.times import is_within, parse_hours

QUIET_AFTER_CONVERSATION_S: Final = 15.0
"""A person who just talked to the speaker walks away: that is no arrival."""


def why_not(
    settings: MotionTrigger,
    *,
    now_s: float,
    last_opened_s: float | None,
    last_conversation_over_s: float | None,
    local_time: time,
) -> str:
    """Return "" if the sensor may open a conversation, else the reason, for the log.

    `now_s`, `last_opened_s` (when this sensor last opened a conversation) and `last_conversation_over_s` (when the last
    one ended, whoever opened it) are times on one monotonic clock; `local_time` is the local time of day.
    """
    if settings.between is not None and not is_within(local_time, *parse_hours(settings.between)):
        return f"it is {local_time:%H:%M}, and it greets only at {settings.between}"
    if last_opened_s is not None and now_s - last_opened_s < settings.cooldown_s:
        return f"it opened a conversation {now_s - last_opened_s:.0f} s ago, and is quiet for {settings.cooldown_s:g} s"
    # An edge may have been on its way when the conversation ended: then this is below zero.
    if last_conversation_over_s is not None and now_s - last_conversation_over_s < QUIET_AFTER_CONVERSATION_S:
        return f"a conversation was over less than {QUIET_AFTER_CONVERSATION_S:g} s ago"
    return ""
