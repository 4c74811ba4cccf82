"""Figures and lists in the prose are those of the code."""

from __future__ import annotations

import pytest

from device_daemon.audio.echo.modes import EchoMode
from device_daemon.audio.player import FADE_MS
from device_daemon.audio.uplink_chunker import CHUNK_MS
from device_daemon.config.include import SHARED
from device_daemon.config.placeholders import BUILT_IN, REMEMBERED
from device_daemon.config.settings import Config, Service
from device_daemon.conversation import uplink
from device_daemon.conversation.waiting_requests import MAX_WAITING
from device_daemon.device.control_socket import CONNECTIONS_AT_ONCE, LINE_LIMIT_BYTES, REQUEST_DEADLINE_S
from device_daemon.device.request_policy import AT_ONCE_S, LATE_S
from device_daemon.device.requests import ANNOUNCEMENT_CHARACTERS
from device_daemon.greetings.cache import DISK_LIMIT_BYTES, MEMORY_LIMIT_BYTES, MIB
from device_daemon.system.paths import SYSTEM_CONFIG
from device_daemon.triggers.gesture import DOUBLE_PRESS_S
from device_daemon.triggers.presence import QUIET_AFTER_CONVERSATION_S
from device_daemon.triggers.wakeword_models import installed_words
from device_daemon.voicelive.credentials import CREDENTIAL_NAME, KEY_VARIABLE
from scripts import REPOSITORY
from tests.unit.documents.markdown import DOCUMENTS

DEFAULTS = Config(Service(local=True))
IN_WORDS = {5.0: "five", 8.0: "eight", 10.0: "ten", 16.0: "sixteen"}

CLAIMS = [
    ("docs/triggers.md", f"within {DOUBLE_PRESS_S:g} s"),
    ("docs/triggers.md", f"within {QUIET_AFTER_CONVERSATION_S:g} seconds"),
    ("docs/triggers.md", {0.5: "half a second"}[AT_ONCE_S]),
    ("docs/triggers.md", {60.0: "a minute at most"}[LATE_S]),
    ("docs/triggers.md", f"Up to {IN_WORDS[MAX_WAITING]} requests"),
    ("docs/commands.md", f"{IN_WORDS[MAX_WAITING]} requests may wait"),
    ("docs/commands.md", f"{ANNOUNCEMENT_CHARACTERS:,} characters"),
    ("docs/commands.md", f"{LINE_LIMIT_BYTES // 1024} KiB"),
    ("docs/commands.md", f"{IN_WORDS[REQUEST_DEADLINE_S]} seconds"),
    ("docs/commands.md", f"{IN_WORDS[CONNECTIONS_AT_ONCE]} callers"),
    ("docs/greetings.md", f"{DISK_LIMIT_BYTES // MIB} MiB at most, of which {MEMORY_LIMIT_BYTES // MIB} MiB in memory"),
    ("docs/architecture.md", f"within {FADE_MS} ms"),
    ("docs/architecture.md", f"chunks of {CHUNK_MS} ms"),
    ("docs/architecture.md", f"Beyond {IN_WORDS[uplink.LIMIT_MS / 1000]} seconds"),
    ("docs/measured.md", f"chunks of {CHUNK_MS} ms"),
    ("docs/azure.md", f"`conversation.idle_timeout_s` ({DEFAULTS.conversation.idle_timeout_s:g})"),
    ("docs/azure.md", f"`conversation.max_duration_s` ({DEFAULTS.conversation.max_duration_s:g})"),
    ("docs/azure.md", f"`{DEFAULTS.service.model}` (the default here)"),
    ("docs/echo.md", f"the default, `{DEFAULTS.audio.echo.mode}`"),
    *(("docs/echo.md", f"| `{mode}` |") for mode in EchoMode),
    ("docs/config.md", f"`{SYSTEM_CONFIG}`"),
    ("docs/config.md", f"the systemd credential `{CREDENTIAL_NAME}`"),
    ("docs/config.md", f"the environment variable `{KEY_VARIABLE}`"),
    *(("docs/config.md", f"`{folder}`") for folder in SHARED),
    *(("docs/greetings.md", f"`{{{name}}}`") for name in sorted(BUILT_IN | REMEMBERED)),
    *(
        ("docs/shopping.md", f"boards/{path.name}")
        for path in sorted((REPOSITORY / "config" / "boards").glob("*.yaml"))
    ),
    *(("README.md", f"`{path.stem}`") for path in sorted((REPOSITORY / "config" / "boards").glob("*.yaml"))),
]


@pytest.mark.parametrize(("document", "claim"), CLAIMS)
def test_what_the_prose_says_is_so(document: str, claim: str) -> None:
    assert claim in " ".join(DOCUMENTS[document].text.split())


def test_the_wake_words_that_are_named_are_those_that_can_be_listened_for() -> None:
    words = installed_words()
    assert words
    assert [word for word in words if f"`{word}`" not in DOCUMENTS["docs/triggers.md"].text] == []
