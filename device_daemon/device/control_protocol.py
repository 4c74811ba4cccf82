"""The protocol of the control socket: the commands `press`, `status`, `mute`..., which other programs may use, too.

On a Unix stream socket (`control_socket`): connect, write one line of UTF-8, read until the end; one request a connection.
An answer comes when the request was accepted, not when it is done; that of `say` when the text was heard, or will not be.
The answer is one line, `ok: ` or `error: ` and a sentence for people; those of `status`, `timers` and `remembered` are several
lines without `ok: `, that of `status --json` one line of JSON. The requests:

    press                  as the button: open a conversation, interrupt the speaker, or end the conversation
    hold                   as the button held: mute, or unmute
    greet NAME             open a conversation with a greeting of the config, or with `none`
    say TEXT               make an announcement, with the microphone closed
    say --listen TEXT      say it, and listen to the answer (`say TEXT --listen` is the same)
    say [--listen] -- TEXT the same for any text, whatever it begins and ends with
    again                  repeat the last answer
    forget                 forget the last answer, and what the next press would go on with
    forget WHAT            forget a fact that people asked it to remember, or `everything`
    remembered             these facts, a line each
    stop                   end the conversation, drop the requests that wait for its end, and stop what rings
    timers                 the timers and alarms that are set, a line each
    timers cancel NAME     cancel one of them, by name or number, or `all`
    snooze [MINUTES]       have what rings ring again later
    mute on|off            close the microphone, also over restarts; or allow it again
    volume N|+N|-N         set the volume, in per cent
    status [--json]        what the speaker does, its counters and latencies
    subscribe              a line of JSON for each event from now on, until you disconnect (docs/events.md)

`greet` and `say` wait for the end of the current conversation: `ok: queued, 0 before it`. Eight may wait, `say` for five
minutes. A TEXT may have 1000 characters.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any, Protocol

from device_daemon.device.event_stream import Subscription


class Refused(Exception):
    """The daemon does not do that now, or not at all; the message says why and what to do."""


class Controls(Protocol):
    """What the socket can ask of the daemon. Each returns the sentence for the person who asked."""

    def press(self, pressed_s: float) -> str:
        """As the button."""

    def hold(self) -> str:
        """As the button held down: mute or unmute."""

    def greet(self, name: str) -> str:
        """Open a conversation with a greeting of the config."""

    def say(self, text: str, *, listen: bool) -> Awaitable[str]:
        """Say a text; with `listen`, a person may answer. The answer comes when it was heard."""

    def again(self) -> str:
        """Repeat the last answer."""

    def forget(self) -> str:
        """Forget the last answer and what was said."""

    def remembered(self) -> str:
        """What people asked it to remember, a line each."""

    def forget_fact(self, what: str) -> str:
        """Forget one of these facts, or everything."""

    def stop(self) -> str:
        """End the conversation."""

    def mute(self, *, on: bool) -> str:
        """Close the microphone, also over restarts; or allow it again."""

    def timers(self) -> str:
        """The timers and alarms that are set, a line each."""

    def cancel_timer(self, name: str) -> str:
        """Cancel timers or alarms."""

    def snooze(self, minutes: str = "") -> str:
        """Have what rings ring again later."""

    def set_volume(self, percent: int) -> str:
        """Set the volume; also kept for the next start."""

    @property
    def volume(self) -> int:
        """Per cent."""

    def status(self) -> dict[str, Any]:
        """Everything that is known, ready for JSON."""

    def status_text(self) -> str:
        """The same for people, several lines."""

    def subscribe(self) -> Subscription:
        """The events from now on."""


def execute(controls: Controls, line: str, now_s: float) -> str | Awaitable[str]:  # noqa: C901, PLR0911, PLR0912 - a table
    """Carry out one request line; return its answer, or what to wait for. Both raise Refused."""
    command, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    match command, rest:
        case "press", "":
            return controls.press(now_s)
        case "hold", "":
            return controls.hold()
        case "stop", "":
            return controls.stop()
        case "greet", name if name:
            return controls.greet(name)
        case "say", words if announcement := _announcement(words):
            text, listen = announcement
            return controls.say(text, listen=listen)
        case "again", "":
            return controls.again()
        case "forget", "":
            return controls.forget()
        case "forget", what:
            return controls.forget_fact(what)
        case "remembered", "":
            return controls.remembered()
        case "mute", "on" | "off":
            return controls.mute(on=rest == "on")
        case "timers", "":
            return controls.timers()
        case "timers", words if words.startswith("cancel "):
            return controls.cancel_timer(words.removeprefix("cancel ").strip())
        case "snooze", minutes:
            return controls.snooze(minutes)
        case "volume", change if change:
            return controls.set_volume(_volume(change, controls.volume))
        case "status", "":
            return controls.status_text()
        case "status", "--json":
            return json.dumps(controls.status())
        case _:
            raise Refused(
                f"unknown command {line.strip()[:60]!r}; the commands are: press, hold, greet NAME, say TEXT [--listen], again, forget [WHAT], remembered, stop,"
                " timers, timers cancel NAME, snooze [MINUTES], mute on|off, volume N|+N|-N, status, status --json, subscribe"
            )


def _announcement(words: str) -> tuple[str, bool] | None:
    """The text of `say`, and whether to listen; None without a text."""
    first, _, rest = words.partition(" ")
    listen = first == "--listen"
    if listen:
        words = rest.lstrip()
        first, _, rest = words.partition(" ")
    if first == "--":
        text = rest.lstrip()
    else:
        text = words.removesuffix(" --listen").rstrip()
        listen |= text != words
    return (text, listen) if text else None


def _volume(change: str, now: int) -> int:
    try:
        amount = int(change)
    except ValueError:
        raise Refused(f"volume takes a number from 0 to 100, or +N or -N; not {change!r}") from None
    target = now + amount if change[0] in "+-" else amount
    if change[0] not in "+-" and not 0 <= target <= 100:
        raise Refused(f"volume takes a number from 0 to 100; not {amount}")
    return min(100, max(0, target))
