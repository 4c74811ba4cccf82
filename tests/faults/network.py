"""What the network can do to the speaker."""

from __future__ import annotations

from typing import Final

from tests.faults.row import (
    BACK,
    CHECK_NETWORK,
    IN_SESSION,
    OFFLINE,
    Dated,
    Names,
    Network,
    NoRoute,
    Row,
    Service,
    Stage,
)

NETWORK: Final[tuple[Row, ...]] = (
    Row("line cut", "network", "The connection breaks.", BACK, CHECK_NETWORK, Network("cut"), IN_SESSION),
    Row("refused", "network", "The service's address refuses connections.", OFFLINE, CHECK_NETWORK, Network("refuse")),
    Row(
        "half-open",
        "network",
        "The network loses every packet and nobody says so (a router that was switched off).",
        "Noticed within five seconds while somebody waits; then as if the connection had broken.",
        CHECK_NETWORK,
        Network("freeze"),
        sign_s=5.0,
        settled_s=15.0,
    ),
    Row(
        "handshake hangs",
        "network",
        "The service takes the connection and does not answer.",
        'After three seconds "one moment", within ten a notice.',
        CHECK_NETWORK,
        Service({"handshake_hangs": True}, anew=True),
        settled_s=12.0,  # within ten of the end of what is being heard
    ),
    Row(
        "no route",
        "network",
        "There is no route to the service any more (the Wi-Fi is gone).",
        OFFLINE,
        CHECK_NETWORK,
        NoRoute(),
    ),
    *(
        Row(
            f"name lookup {kind}",
            "network",
            f"The DNS {what}, and the connection breaks.",
            person,
            CHECK_NETWORK,
            Names(kind),
            settled_s=12.0,  # within ten of the end of what is being heard
        )
        for kind, what, person in (
            ("fails", "does not know the service's name", OFFLINE),
            ("hangs", "does not answer", 'After three seconds "one moment", within ten a notice.'),
        )
    ),
    *(
        Row(
            f"certificate {name}",
            "network",
            f"The service's certificate is {name}, and the connection breaks.",
            OFFLINE,
            "Check the date of the device; if that is right, the proxy or the service has to renew its certificate.",
            Dated(days),
            (Stage.RESTING, Stage.LISTENING, Stage.SPEAKING, Stage.HELD, Stage.ANNOUNCING),
        )
        for name, days in (("no longer valid", -30), ("not yet valid", 30))
    ),
)
