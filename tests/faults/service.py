"""What the service can do to the speaker, before a session and in one."""

from __future__ import annotations

from typing import Final

from tests.faults.row import (
    BACK,
    CHECK_NETWORK,
    GOES_ON,
    IN_SESSION,
    OFFLINE,
    WAITS_FOR_SPEECH,
    Close,
    Row,
    Service,
    Stage,
)

_KEY: Final = "Set the key again: sudo voicelive-speaker-set-key."
_ENDPOINT: Final = "Check service.endpoint, and that the resource exists in your Azure region."
_LATER: Final = "Nothing: the speaker tries again, and works when the service does."
_TROUBLE: Final = "A low sound, and the conversation goes on or ends with a spoken notice."

SERVICE: Final[tuple[Row, ...]] = (
    *(
        Row(
            f"handshake {status}",
            "service",
            f"The service answers the connection with HTTP {status} ({what}).",
            'A notice; the light says "error".' if status in {302, 401, 403, 404} else OFFLINE,
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
        OFFLINE,
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
    # In a session
    *(
        Row(
            f"close {code}",
            "service",
            f"The service closes the session ({what}).",
            BACK,
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
        BACK,
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
        ends=GOES_ON,
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
            ends=GOES_ON,
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
        CHECK_NETWORK,
        Service({"speed": 0.5}),
        (Stage.RESTING, Stage.LISTENING, Stage.THINKING, Stage.HELD),
        ends=GOES_ON,
        journal=False,
    ),
    Row(
        "jitter",
        "network",
        "Packets come up to 400 ms late.",
        "Now and then a pause in the answer.",
        CHECK_NETWORK,
        Service({"jitter_ms": 400}),
        (Stage.RESTING, Stage.LISTENING, Stage.THINKING, Stage.HELD),
        ends=GOES_ON,
        journal=False,
    ),
)
