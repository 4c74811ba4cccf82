"""Logging: to the journal with fields where systemd runs the daemon, else as plain lines to stderr."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from systemd.journal import send as send_to_journal

from device_daemon.system.foreign_text import safe

logger = logging.getLogger(__name__)

PRESSED = "8b2aeafcf6a643258406a3054835c2a1"
STATE_CHANGED = "b0cabbbcea9a4cb0b6875137b9d54801"
GREETING_HEARD = "ec6802353fd049758450887078f8d595"
CONVERSATION_OVER = "a9b929c0e1224ba794317823a66cbe47"
"""MESSAGE_IDs: journalctl finds an event by them, whatever its words are."""

_REPORTED_BY_US = ("azure.identity", "msal", "mcp")
"""Libraries that log each exception before they raise it; what is raised is logged in our words."""
MOST_CHARACTERS = 2_000
"""Of a log line; our own are shorter."""
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


def fields(message_id: str, **values: object) -> Mapping[str, Any]:
    """For a log call's `extra`: MESSAGE_ID and fields for the journal, such as STATE=, CONVERSATION=."""
    return {"journal": {"MESSAGE_ID": message_id, **{name: str(value) for name, value in values.items()}}}


class PrintableFormatter(logging.Formatter):
    """Each message is one printable line, whatever text of the service or of a device is in it (see foreign_text)."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line; a traceback follows it unchanged."""
        record.message = safe(record.message, MOST_CHARACTERS)
        return super().formatMessage(record)


class JournalHandler(logging.Handler):
    """Sends each record with its fields; systemd's own handler would send every attribute of the record."""

    def __init__(self, send: Callable[..., object] = send_to_journal) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Write one entry."""
        try:
            self._send(
                self.format(record),
                PRIORITY=str(_PRIORITIES.get(record.levelno, 6)),
                LOGGER=record.name,
                SYSLOG_IDENTIFIER="voicelive-speaker",
                **getattr(record, "journal", {}),
            )
        except OSError:
            self.handleError(record)


def goes_to_journal(environment: Mapping[str, str]) -> bool:
    """Whether stderr is the journal's own stream (the variable is inherited, so it alone proves nothing)."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def set_up(*, verbose: bool, send: Callable[..., object] = send_to_journal) -> None:
    """Log our own lines from INFO on; of the libraries only warnings, since they log keys and sound at DEBUG.

    `verbose` logs our own from DEBUG on, and what libraries say about an exception besides our sentence. `send` writes to
    the journal, as systemd.journal.send does.
    """
    handler: logging.Handler
    if goes_to_journal(os.environ):
        handler = JournalHandler(send)
        handler.setFormatter(PrintableFormatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("device_daemon").setLevel(logging.DEBUG if verbose else logging.INFO)
    for name in _REPORTED_BY_US:
        logging.getLogger(name).setLevel(logging.NOTSET if verbose else logging.CRITICAL)


def unraisable(found: sys.UnraisableHookArgs) -> None:
    """Log in one line what was raised where nobody could take it; for sys.unraisablehook.

    gpiozero closes a pin once more when it is discarded, though that failed before: Python prints a traceback for that.
    """
    what = found.err_msg or "an object was discarded, and raised"
    logger.warning("%s: %r", what, found.exc_value)
    logger.debug("in %r", found.object, exc_info=found.exc_value)
