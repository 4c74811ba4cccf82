"""What an `error` event of the service means: whose fault it is, and so whether trying again can help. Pure."""

from __future__ import annotations

from typing import Final

from device_daemon.conversation.commands import SESSION_UPDATE_ID
from device_daemon.conversation.events import ServiceError
from device_daemon.errors import AuthRefused, ConnectionLost, ServiceBusy, SessionRejected, SpeakerError

_BUSY: Final = frozenset({"rate_limit_exceeded", "too_many_requests", "429"})
_SERVICES_OWN: Final = frozenset(
    {
        "server_error",
        "internal_error",
        "internal_server_error",
        "service_unavailable",
        "overloaded",
        "timeout",
        "byom_realtime_connection_error",
        "message_creation_failed",
        "unknown",
    }
)
_SESSION_OVER: Final = frozenset({"session_expired", "conversation_limit_exceeded"})
_KEY: Final = frozenset({"authentication_error", "invalid_api_key", "permission_denied", "unauthorized", "401", "403"})


def failure_of(event: ServiceError) -> SpeakerError:
    """Return what an `error` event means where the session cannot go on with it.

    The code decides; where it is unknown, the type; a code that is a number counts as an HTTP status.

    | code or type                                                        | whose       | exception       | retried |
    |---------------------------------------------------------------------|-------------|-----------------|---------|
    | rate_limit_exceeded, too_many_requests, 429                         | the service | ServiceBusy     | yes     |
    | server_error, internal_error, service_unavailable, timeout, 5xx,    | the service | ServiceBusy     | yes     |
    | byom_realtime_connection_error, or no code at all                   |             |                 |         |
    | session_expired, conversation_limit_exceeded                        | nobody      | ConnectionLost  | yes     |
    | authentication_error, invalid_api_key, permission_denied, 401, 403  | the owner   | AuthRefused     | no      |
    | everything else: invalid_model, invalid_voice_type, invalid_value,  | the owner   | SessionRejected | no      |
    | insufficient_quota, invalid_request_error, other 4xx, ...           |             |                 |         |

    Codes: Microsoft's "Voice live API reference" and recorded traffic; types are OpenAI's, whose protocol this is.
    """
    said = f"{event.message.rstrip('.')} ({event.code})"
    for name in (event.code, event.type):
        if name in _SESSION_OVER:
            return ConnectionLost(f"the service ended the session: {said}; a new one is opened.")
        if name in _BUSY:
            return ServiceBusy(f"the service has no capacity left for this resource: {said}; it is tried again later.")
        if name in _SERVICES_OWN or _is_server_status(name):
            return ServiceBusy(f"the service met an error of its own: {said}; it is tried again.")
        if name in _KEY:
            return AuthRefused(f"the service refused the key or token: {said}; check the key and its resource.")
    return SessionRejected.from_service(event.code, event.message)


def is_about_session_update(event: ServiceError) -> bool:
    """Return whether an `error` event refuses our session.update: by its event_id, or by the setting it names."""
    return event.about == SESSION_UPDATE_ID or event.param.partition(".")[0] == "session"


def _is_server_status(name: str) -> bool:
    return len(name) == 3 and name.startswith("5") and name.isascii() and name.isdigit()
