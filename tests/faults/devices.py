"""What sound devices, disk, buttons and lights can do to the speaker."""

from __future__ import annotations

from typing import Final

from scripts.rig.tracks import CAPTURE, PLAYBACK
from tests.faults.row import ALL, AT_REST, GOES_ON, SHOWN, TOLD, Button, ButtonPin, Card, Disk, LightPin, Row, Stage

_SOUND: Final = "Check plug and cable; `voicelive-speaker devices` lists what is there."

DEVICES: Final[tuple[Row, ...]] = (
    *(
        Row(
            f"microphone {kind}",
            "microphone",
            f"The microphone {what}.",
            '"I cannot hear you. Please check my microphone"; the light says "error", and no light says "listening".',
            _SOUND,
            Card(kind, (CAPTURE,)),
            stages,
            ends=TOLD,
            heals_s=8.0,
            also={Stage.HELD: GOES_ON},  # what was heard before is answered
        )
        for kind, what, stages in (
            ("unplugged", "was unplugged", tuple(s for s in Stage if s is not Stage.ANNOUNCING)),
            ("busy", "is in use by another program", (Stage.RESTING, Stage.LISTENING, Stage.SPEAKING)),
            ("refusing", "refuses the sample rate that it offers", (Stage.RESTING, Stage.LISTENING, Stage.SPEAKING)),
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
            ends=SHOWN,
            heals_s=8.0,
        )
        for kind, what, stages in (
            ("unplugged", "was unplugged", ALL),
            ("stuck", "takes no sound any more", ALL),
            ("busy", "is in use by another program", (Stage.RESTING, Stage.LISTENING, Stage.SPEAKING)),
            ("refusing", "refuses the sample rate that it offers", (Stage.RESTING, Stage.LISTENING, Stage.SPEAKING)),
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
        ends=GOES_ON,
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
        ends=GOES_ON,
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
        also=dict.fromkeys(Stage, SHOWN),
    ),
    Row(
        "card renumbered",
        "sound card",
        "The sound card is pulled out and put back, and has another number.",
        "The conversation goes on, or ends with a notice; the next press works.",
        "Nothing, if the config names the card by its id (`CARD=...`), as `voicelive-speaker devices` does.",
        Card("renumbered", for_s=1.0),
        heals_s=8.0,
        also=dict.fromkeys(Stage, SHOWN),
    ),
    Row(
        "card renamed",
        "sound card",
        "The sound card is pulled out and put back, and has another name.",
        'Silence; the light says "error".',
        "The journal names the devices there are: set audio.microphone.device and audio.speaker.device.",
        Card("renamed"),
        (Stage.RESTING, Stage.LISTENING, Stage.SPEAKING, Stage.ANNOUNCING),
        ends=SHOWN,
        heals_s=8.0,
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
            ends=GOES_ON,
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
        ends=GOES_ON,
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
        ends=GOES_ON,
        also=dict.fromkeys(Stage, TOLD | SHOWN),
        journal=False,
    ),
    *(
        Row(
            f"button's pin busy {when}",
            "button",
            f"The button's pin is held by another program when {what}.",
            'The light says "error"; everything else works, and the button does as soon as its pin is free.',
            "The journal names the program; stop it, or give the button another pin.",
            ButtonPin(when),
            AT_REST,
            ends=SHOWN,
            heals_s=8.0,
        )
        for when, what in (("at start", "the speaker starts"), ("at reload", "the config is reloaded"))
    ),
    # Light
    *(
        Row(
            f"light's pin {kind}",
            "light",
            f"The light's pin {what}.",
            "The light stays dark until the pin works; everything else works.",
            remedy,
            LightPin(kind),
            stages,
            ends=GOES_ON,
            journal=False,
        )
        for kind, what, remedy, stages in (
            (
                "busy",
                "is held by another program",
                "The journal names the program; give one of the two another pin.",
                AT_REST,
            ),
            ("fails", "cannot be written any more", "Check the wiring; it is tried again.", ALL),
        )
    ),
)
