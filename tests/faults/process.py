"""What can happen to the process: signals, a busy machine, the clock."""

from __future__ import annotations

from typing import Final

from tests.faults.row import (
    AT_REST,
    BACK,
    GOES_ON,
    STOPPED,
    Clock,
    Disk,
    Names,
    Row,
    Signal,
    Stage,
    Stalled,
    Starved,
    Suspended,
    WrongClock,
)

PROCESS: Final[tuple[Row, ...]] = (
    *(
        Row(
            name,
            "process",
            f"The process gets {name}.",
            "Silence and darkness within two seconds; nothing is lost.",
            "Nothing.",
            Signal(name),
            ends=STOPPED,
            settled_s=2.0,
            journal=False,
        )
        for name in ("SIGTERM", "SIGINT", "SIGKILL")
    ),
    *(
        Row(
            f"SIGTERM, {what}",
            "process",
            f"The process gets SIGTERM while {happens}.",
            "Silence and darkness within two seconds; nothing is lost.",
            "Nothing.",
            Signal("SIGTERM", meanwhile=meanwhile),
            stages,
            ends=STOPPED,
            settled_s=2.0,
            journal=False,
        )
        for what, happens, meanwhile, stages in (
            ("name lookup hangs", "a name lookup hangs", Names("hangs"), (*AT_REST, Stage.LISTENING, Stage.SPEAKING)),
            ("disk slow", "the disk takes seconds to save the state", Disk("slow"), AT_REST),
        )
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
            ends=GOES_ON,
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
        ends=GOES_ON,
        sign_s=6.0,  # what was said meanwhile is lost with the card's buffer: the person says it again
        journal=False,
    ),
    Row(
        "suspended",
        "process",
        "The machine is suspended: when it goes on, hours have passed and its connections are gone.",
        BACK,
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
            ends=GOES_ON,
            journal=False,
        )
        for way, days in (("ahead", 1), ("back", -1))
    ),
    Row(
        "wrong clock",
        "clock",
        "The time of day is years ago, as on a device without a clock of its own, and the connection breaks.",
        'The light says "no clock"; a press is answered with a notice.',
        "Check the network and the time service (`timedatectl`); the speaker works when the clock is set.",
        WrongClock(),
        (Stage.RESTING, Stage.LISTENING, Stage.SPEAKING, Stage.ANNOUNCING),
    ),
    Row(
        "overrun storm",
        "process",
        "The machine is so busy that the microphone's buffer overruns, again and again.",
        "What was said meanwhile is lost; the conversation goes on.",
        "Find what keeps the machine busy: `top`.",
        Starved(),
        (Stage.RESTING, Stage.LISTENING, Stage.THINKING, Stage.SPEAKING, Stage.HELD),
        ends=GOES_ON,
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
        ends=GOES_ON,
        journal=False,
    ),
)
