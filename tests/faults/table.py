"""What the speaker must stand: the table of faults, as data.

A row says what happens, what a person then sees and hears, and what the owner can do; docs/troubleshooting is made from
those three sentences. The rest of a row is for the machine: how to bring the fault about, in which states of a
conversation it can happen, and how it may end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from scripts.rig.tracks import CAPTURE, PLAYBACK


class Stage(StrEnum):
    """What the speaker is doing when the fault happens."""

    RESTING = "resting"
    """A person presses while the fault lasts."""
    CONNECTING = "connecting"
    GREETING = "greeting"
    """A greeting that the service speaks."""
    REMEMBERED = "remembered"
    """A greeting from the cache."""
    LISTENING = "listening"
    """A person asks something while the fault lasts."""
    THINKING = "thinking"
    SPEAKING = "speaking"
    HELD = "held"
    """A person holds a push-to-talk button, talks, and lets go."""
    ANNOUNCING = "announcing"
    """Somebody asked for an announcement; nobody waits for an answer."""


ALL: Final = tuple(Stage)
IN_SESSION: Final = tuple(stage for stage in Stage if stage is not Stage.RESTING)
WAITS_FOR_SPEECH: Final = (Stage.GREETING, Stage.THINKING, Stage.SPEAKING, Stage.ANNOUNCING)
"""The service is about to speak, or speaks."""


class End(StrEnum):
    """How a fault may end for the person."""

    GOES_ON = "goes on"
    """A question is answered."""
    TOLD = "told"
    """A sound or a notice said that something is wrong; the conversation is over, or it is the person's turn again."""
    SHOWN = "shown"
    """The light says so, and the journal why: there is no way to make a sound, or nobody to hear it."""
    STOPPED = "stopped"
    """The process has ended, as it was asked to: politely, silent, dark, and with nothing half-written."""


# How a fault is brought about


@dataclass(frozen=True, slots=True)
class Service:
    """The service misbehaves: fields of localservice.faults.Faults. With `anew`, connections of before break first."""

    faults: Mapping[str, Any]
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """The service closes every session, once."""

    code: int


@dataclass(frozen=True, slots=True)
class Network:
    """The line refuses, freezes (loses every packet), or is cut once."""

    kind: str


@dataclass(frozen=True, slots=True)
class Card:
    """A sound device is unplugged, busy, stuck, or slow to open (3 s); for so long, or until the fault is lifted."""

    kind: str
    directions: tuple[int, ...] = (PLAYBACK, CAPTURE)
    for_s: float | None = None


@dataclass(frozen=True, slots=True)
class Signal:
    """The process gets a signal; the config may be another one by then. A stopped one goes on after `for_s`."""

    name: str
    config: str = ""
    for_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Disk:
    """The state directory is full or read-only (needs root: it is a file system of its own), or slow (3 s a file)."""

    kind: str


@dataclass(frozen=True, slots=True)
class Button:
    """The button bounces, or is stuck down."""

    kind: str


@dataclass(frozen=True, slots=True)
class Names:
    """The connection breaks, and name lookups fail or hang."""

    kind: str


@dataclass(frozen=True, slots=True)
class Dated:
    """The connection breaks, and the service has a certificate that is no longer, or not yet, valid."""

    begins_in_days: int


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of day jumps."""

    days: int


@dataclass(frozen=True, slots=True)
class Suspended:
    """The process stands still for a second, the time of day jumps by hours, and its connections are gone."""

    hours: int = 8


@dataclass(frozen=True, slots=True)
class Starved:
    """The process gets hardly any time: it stands still for 0.4 s, again and again."""

    times: int = 8


@dataclass(frozen=True, slots=True)
class Stalled:
    """The event loop is kept busy."""

    ms: int


@dataclass(frozen=True, slots=True)
class LightPin:
    """The light's pin is busy when the speaker starts, or raises when it is written."""

    kind: str


Cause = (
    Names
    | Dated
    | Clock
    | Suspended
    | Starved
    | Stalled
    | LightPin
    | Service
    | Close
    | Network
    | Card
    | Signal
    | Disk
    | Button
)


@dataclass(frozen=True, slots=True)
class Row:
    """One fault."""

    name: str
    part: str
    happens: str
    person: str
    remedy: str
    cause: Cause
    stages: tuple[Stage, ...] = ALL
    ends: frozenset[End] = frozenset({End.GOES_ON, End.TOLD})
    sign_s: float = 3.0
    """By then the light changed or something was heard."""
    settled_s: float = 10.0
    """By then it has ended in one of the ways allowed."""
    journal: bool = True
    """The journal has a warning or an error about it, unless the conversation simply goes on."""
    heals_s: float | None = None
    """So long after it is gone the speaker is at rest again, without anybody's help; None: at the latest by a press."""
    also: Mapping[Stage, frozenset[End]] = field(default_factory=dict)
    """Further ends in a stage."""


_GOES_ON = frozenset({End.GOES_ON})
_TOLD = frozenset({End.TOLD})
_SHOWN = frozenset({End.SHOWN})
_STOPPED = frozenset({End.STOPPED})

_NETWORK = "Check the network; `voicelive-speaker doctor` tests each step to the service."
_REST = (Stage.RESTING,)
_KEY = "Set the key again: sudo voicelive-speaker-set-key."
_ENDPOINT = "Check service.endpoint, and that the resource exists in your Azure region."
_LATER = "Nothing: the speaker tries again, and works when the service does."
_SOUND = "Check plug and cable; `voicelive-speaker devices` lists what is there."
_OFFLINE = 'The light says "offline"; a press is answered with "I cannot reach the voice service".'
_BACK = "The conversation goes on within two seconds; what was said is not forgotten."
_TROUBLE = "A low sound, and the conversation goes on or ends with a spoken notice."

TABLE: Final[tuple[Row, ...]] = (
    # The network
    Row("line cut", "network", "The connection breaks.", _BACK, _NETWORK, Network("cut"), IN_SESSION),
    Row("refused", "network", "The service's address refuses connections.", _OFFLINE, _NETWORK, Network("refuse")),
    Row(
        "half-open",
        "network",
        "The network loses every packet and nobody says so (a router that was switched off).",
        "Noticed within five seconds while somebody waits; then as if the connection had broken.",
        _NETWORK,
        Network("freeze"),
        sign_s=5.0,
        settled_s=15.0,
    ),
    Row(
        "handshake hangs",
        "network",
        "The service takes the connection and does not answer.",
        'After three seconds "one moment", within ten a notice.',
        _NETWORK,
        Service({"handshake_hangs": True}, anew=True),
        settled_s=12.0,  # within ten of the end of what is being heard
    ),
    *(
        Row(
            f"name lookup {kind}",
            "network",
            f"The DNS {what}, and the connection breaks.",
            person,
            _NETWORK,
            Names(kind),
            settled_s=12.0,  # within ten of the end of what is being heard
        )
        for kind, what, person in (
            ("fails", "does not know the service's name", _OFFLINE),
            ("hangs", "does not answer", 'After three seconds "one moment", within ten a notice.'),
        )
    ),
    *(
        Row(
            f"certificate {name}",
            "network",
            f"The service's certificate is {name}, and the connection breaks.",
            _OFFLINE,
            "Check the date of the device; if that is right, the proxy or the service has to renew its certificate.",
            Dated(days),
            (Stage.RESTING, Stage.LISTENING, Stage.SPEAKING, Stage.HELD, Stage.ANNOUNCING),
        )
        for name, days in (("no longer valid", -30), ("not yet valid", 30))
    ),
    # The service, before a session
    *(
        Row(
            f"handshake {status}",
            "service",
            f"The service answers the connection with HTTP {status} ({what}).",
            'A notice; the light says "error".' if status in {302, 401, 403, 404} else _OFFLINE,
            remedy,
            Service({"refuse_status": status, "retry_after_s": 2}, anew=True),
        )
        for status, what, remedy in (
            (302, "elsewhere", _ENDPOINT),
            (401, "wrong key", _KEY),
            (403, "not allowed", _KEY),
            (404, "no such resource", _ENDPOINT),
            (429, "too many requests", "Wait: the speaker obeys the time that the service asks for."),
            (503, "unavailable", _LATER),
        )
    ),
    Row(
        "Retry-After as a date",
        "service",
        "The service answers with HTTP 429 and the date until which it wants no connection.",
        _OFFLINE,
        "Wait: the speaker obeys the time that the service asks for.",
        Service({"refuse_status": 429, "retry_after_s": 2, "retry_after_as_date": True}, anew=True),
        (Stage.RESTING, Stage.LISTENING),
    ),
    *(
        Row(
            f"error before the session, {shape}",
            "service",
            f"The service sends an error before it has taken the settings ({shape}).",
            _TROUBLE,
            _LATER,
            Service({"error_at": "created", "error_shape": shape}, anew=True),
            (Stage.RESTING, Stage.LISTENING),
        )
        for shape in ("object", "numeric-code", "no-code", "text", "null", "warning")
    ),
    Row(
        "no session.created",
        "service",
        "The service accepts the connection and says nothing.",
        'After three seconds "one moment", within ten a notice.',
        _LATER,
        Service({"no_session_created": True}, anew=True),
    ),
    Row(
        "no session.updated",
        "service",
        "The service never answers the speaker's settings.",
        'After three seconds "one moment", within ten a notice.',
        _LATER,
        Service({"no_session_updated": True}, anew=True),
    ),
    Row(
        "settings rejected",
        "service",
        "The service refuses the speaker's settings.",
        '"There is a mistake in my settings"; the light says "error".',
        "The journal names the setting; correct it in config.yaml.",
        Service({"reject_session_update": "invalid_value"}, anew=True),
    ),
    # The service, in a session
    *(
        Row(
            f"close {code}",
            "service",
            f"The service closes the session ({what}).",
            _BACK,
            _LATER,
            Close(code),
            IN_SESSION,
        )
        for code, what in (
            (1000, "normally, unasked"),
            (1001, "going away"),
            (1008, "policy"),
            (1011, "internal error"),
            (4000, "a code of its own"),
        )
    ),
    Row(
        "session expires",
        "service",
        "The service ends the session at its expires_at (an hour, usually).",
        _BACK,
        "Nothing.",
        Service({"session_lifetime_s": 3.0}, anew=True),
        IN_SESSION,
    ),
    Row(
        "answer fails",
        "service",
        "The service reports that an answer failed.",
        _TROUBLE,
        _LATER,
        Service({"fail_responses": "server_error"}),
        WAITS_FOR_SPEECH,
    ),
    Row(
        "answer without sound",
        "service",
        "The service answers with text only.",
        _TROUBLE,
        "Check the model in service.model: it must speak.",
        Service({"text_responses": True}),
        (Stage.RESTING, Stage.LISTENING, Stage.HELD, Stage.ANNOUNCING),
    ),
    *(
        Row(
            f"answer ends early, {reason}",
            "service",
            f"The service ends an answer before its first sound ({reason}).",
            _TROUBLE,
            "Ask again, in other words.",
            Service({"incomplete_responses": reason}),
            (Stage.RESTING, Stage.LISTENING, Stage.HELD, Stage.ANNOUNCING),
        )
        for reason in ("content_filter", "max_output_tokens")
    ),
    Row(
        "answer without an end",
        "service",
        "The service begins an answer and says nothing more of it.",
        'After three seconds "one moment", within ten a notice.',
        _LATER,
        Service({"unanswered_responses": True}),
        (Stage.RESTING, Stage.LISTENING, Stage.HELD, Stage.ANNOUNCING),
    ),
    Row(
        "answer refused once",
        "service",
        "The service refuses a request for an answer, as another one is under way.",
        "Nothing: the speaker waits for that one and asks again.",
        _LATER,
        Service({"reject_responses": 1}),
        (Stage.HELD, Stage.ANNOUNCING),
    ),
    Row(
        "ten minutes at once",
        "service",
        "The service sends ten minutes of sound as fast as the network can.",
        "All of it is heard, or it is talked over; memory stays bounded.",
        "Nothing.",
        Service({"audio_s": 600, "speed": 0}),
        (Stage.LISTENING, Stage.HELD),
        ends=_GOES_ON,
        journal=False,
    ),
    Row(
        "answer never comes",
        "service",
        "The service takes a request for an answer and never answers.",
        'After three seconds "one moment", within ten a notice.',
        _LATER,
        Service({"ignore_responses": 1000}),
        (Stage.RESTING, Stage.HELD, Stage.ANNOUNCING),
    ),
    Row(
        "answer stalls",
        "service",
        "The service stops in the middle of an answer.",
        _TROUBLE,
        _LATER,
        Service({"stall_ms": 60_000, "at_delta": 3}),
        (Stage.RESTING, Stage.LISTENING, Stage.THINKING, Stage.HELD, Stage.ANNOUNCING),
        settled_s=15.0,
    ),
    *(
        Row(
            f"garbage {kind}",
            "service",
            f"The service sends what it should never send ({kind}).",
            "Nothing: it is ignored and logged, or the connection is made anew.",
            "Please report it, with the journal's line.",
            Service({"garbage": kind, "garbage_at": "response-created", "at_response": 2}),
            (Stage.RESTING, Stage.LISTENING),
            ends=_GOES_ON,
            journal=False,
        )
        for kind in (
            "invalid-json",
            "invalid-utf8",
            "empty",
            "array",
            "null",
            "deep",
            "binary",
            "no-type",
            "numeric-type",
            "wrong-fields",
            "bad-base64",
            "odd-audio",
            "unknown-type",
            "huge",
        )
    ),
    Row(
        "slow answer",
        "service",
        "The answer's sound comes at half the speed at which it is heard.",
        "Pauses in the answer.",
        _NETWORK,
        Service({"speed": 0.5}),
        (Stage.RESTING, Stage.LISTENING, Stage.THINKING, Stage.HELD),
        ends=_GOES_ON,
        journal=False,
    ),
    Row(
        "jitter",
        "network",
        "Packets come up to 400 ms late.",
        "Now and then a pause in the answer.",
        _NETWORK,
        Service({"jitter_ms": 400}),
        (Stage.RESTING, Stage.LISTENING, Stage.THINKING, Stage.HELD),
        ends=_GOES_ON,
        journal=False,
    ),
    # Sound devices
    *(
        Row(
            f"microphone {kind}",
            "microphone",
            f"The microphone {what}.",
            '"I cannot hear you. Please check my microphone"; the light says "error", and no light says "listening".',
            _SOUND,
            Card(kind, (CAPTURE,)),
            stages,
            ends=_TOLD,
            heals_s=8.0,
            also={Stage.HELD: _GOES_ON},  # what was heard before is answered
        )
        for kind, what, stages in (
            ("unplugged", "was unplugged", tuple(s for s in Stage if s is not Stage.ANNOUNCING)),
            ("busy", "is in use by another program", (Stage.RESTING,)),
            ("stuck", "gives no sound any more", tuple(s for s in Stage if s is not Stage.ANNOUNCING)),
        )
    ),
    *(
        Row(
            f"speaker {kind}",
            "speaker",
            f"The speaker {what}.",
            'Silence; the light says "error", never "speaking".',
            _SOUND,
            Card(kind, (PLAYBACK,)),
            stages,
            ends=_SHOWN,
            heals_s=8.0,
        )
        for kind, what, stages in (
            ("unplugged", "was unplugged", ALL),
            ("stuck", "takes no sound any more", ALL),
        )
    ),
    Row(
        "microphone hiccup",
        "microphone",
        "The microphone gives nothing for two seconds and then goes on.",
        "The conversation goes on.",
        _SOUND,
        Card("stuck", (CAPTURE,), for_s=2.0),
        (Stage.LISTENING, Stage.SPEAKING, Stage.THINKING),
        ends=_GOES_ON,
        sign_s=7.0,  # what was said meanwhile is lost: the person says it again
        journal=False,
    ),
    Row(
        "card slow to open",
        "sound card",
        "The driver takes three seconds to open the card.",
        "The light moves at once; what is said meanwhile is lost, and the greeting is complete.",
        "Nothing; a powered USB hub helps some cards.",
        Card("slow"),
        (Stage.RESTING,),
        ends=_GOES_ON,
        settled_s=15.0,
        journal=False,
    ),
    Row(
        "card back soon",
        "sound card",
        "The sound card is pulled out and put back within a second.",
        "The conversation goes on, or ends with a notice; the next press works.",
        _SOUND,
        Card("unplugged", for_s=1.0),
        heals_s=8.0,
        also=dict.fromkeys(Stage, _SHOWN),
    ),
    # Disk
    *(
        Row(
            f"disk {kind}",
            "disk",
            f"The disk is {kind}.",
            "Nothing: only what should be remembered over a restart is not.",
            "Make room, or check the card; doctor's disk line names the folder.",
            Disk(kind),
            (Stage.RESTING, Stage.LISTENING, Stage.ANNOUNCING),
            ends=_GOES_ON,
            journal=False,
        )
        for kind in ("full", "read-only", "slow")
    ),
    # Button
    Row(
        "button bounces",
        "button",
        "The button's contact bounces.",
        "One press is one press.",
        "Nothing; triggers.debounce_ms if it is a very old switch.",
        Button("bounces"),
        (Stage.RESTING,),
        ends=_GOES_ON,
        journal=False,
    ),
    Row(
        "button stuck",
        "button",
        "The button is held down for good.",
        "It is one press; everything else works.",
        "Check the button and its wire.",
        Button("stuck"),
        (Stage.RESTING, Stage.LISTENING, Stage.SPEAKING),
        ends=_GOES_ON,
        also=dict.fromkeys(Stage, _TOLD | _SHOWN),
        journal=False,
    ),
    # The light
    *(
        Row(
            f"light's pin {kind}",
            "light",
            f"The light's pin {what}.",
            "The light stays dark; everything else works.",
            remedy,
            LightPin(kind),
            stages,
            ends=_GOES_ON,
            journal=False,
        )
        for kind, what, remedy, stages in (
            (
                "busy",
                "is held by another program",
                "The journal names the program; give one of the two another pin.",
                _REST,
            ),
            ("fails", "cannot be written any more", "Check the wiring; it is tried again.", ALL),
        )
    ),
    # Life
    *(
        Row(
            name,
            "process",
            f"The process gets {name}.",
            "Silence and darkness within two seconds; nothing is lost.",
            "Nothing.",
            Signal(name),
            ends=_STOPPED,
            settled_s=2.0,
            journal=False,
        )
        for name in ("SIGTERM", "SIGINT", "SIGKILL")
    ),
    *(
        Row(
            f"SIGHUP, {config} config",
            "process",
            f"The config is reloaded, with a {config} file.",
            "A conversation goes on to its end.",
            "Correct the line that the journal names." if config == "broken" else "Nothing.",
            Signal("SIGHUP", config),
            tuple(stage for stage in Stage if stage is not Stage.ANNOUNCING),
            ends=_GOES_ON,
            journal=config == "broken",
        )
        for config in ("good", "broken")
    ),
    Row(
        "stopped for a second",
        "process",
        "The machine is suspended, or too busy, for a second.",
        "A pause; then the conversation goes on.",
        "Nothing.",
        Signal("SIGSTOP", for_s=1.0),
        ends=_GOES_ON,
        sign_s=6.0,  # what was said meanwhile is lost with the card's buffer: the person says it again
        journal=False,
    ),
    Row(
        "suspended",
        "process",
        "The machine is suspended: when it goes on, hours have passed and its connections are gone.",
        _BACK,
        "Nothing.",
        Suspended(),
        sign_s=6.0,
    ),
    *(
        Row(
            f"clock a day {way}",
            "clock",
            f"The time of day jumps by a day ({way}).",
            "Nothing.",
            "Nothing; a device without a clock of its own is set by the network.",
            Clock(days),
            ends=_GOES_ON,
            journal=False,
        )
        for way, days in (("ahead", 1), ("back", -1))
    ),
    Row(
        "overrun storm",
        "process",
        "The machine is so busy that the microphone's buffer overruns, again and again.",
        "What was said meanwhile is lost; the conversation goes on.",
        "Find what keeps the machine busy: `top`.",
        Starved(),
        (Stage.RESTING, Stage.LISTENING, Stage.THINKING, Stage.SPEAKING, Stage.HELD),
        ends=_GOES_ON,
        sign_s=6.0,
        settled_s=15.0,
        journal=False,
    ),
    Row(
        "event loop stalls",
        "process",
        "The program itself is held up for half a second.",
        "Nothing, or a short pause.",
        "Nothing.",
        Stalled(500),
        ends=_GOES_ON,
        journal=False,
    ),
)


def as_markdown() -> str:
    """Return the table as owners read it, for docs/troubleshooting: what looks alike and has one remedy stands together."""
    alike: dict[tuple[str, str], list[str]] = {}
    for row in TABLE:
        alike.setdefault((row.person, row.remedy), []).append(row.happens)
    lines = ["| What happens | What you see and hear | What to do |", "| --- | --- | --- |"]
    for (person, remedy), happens in alike.items():
        lines.append(f"| {'<br>'.join(dict.fromkeys(happens))} | {person} | {remedy} |")
    return "\n".join(lines)
