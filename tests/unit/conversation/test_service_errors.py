"""Whose fault an `error` event is: what a setting would remedy is not tried again, what time may remedy is."""

from __future__ import annotations

import pytest

from device_daemon.conversation import commands as do
from device_daemon.conversation import events as on
from device_daemon.conversation.service_errors import failure_of, is_about_session_update
from device_daemon.errors import AuthRefused, ConnectionLost, ServiceBusy, SessionRejected, SpeakerError


@pytest.mark.parametrize(
    ("code", "kind", "failure"),
    [
        ("rate_limit_exceeded", "", ServiceBusy),
        ("429", "", ServiceBusy),
        ("server_error", "", ServiceBusy),
        ("internal_error", "", ServiceBusy),
        ("500", "", ServiceBusy),
        ("503", "", ServiceBusy),
        ("something_new", "server_error", ServiceBusy),
        ("unknown", "", ServiceBusy),
        ("byom_realtime_connection_error", "", ServiceBusy),
        ("session_expired", "", ConnectionLost),
        ("conversation_limit_exceeded", "", ConnectionLost),
        ("invalid_api_key", "", AuthRefused),
        ("401", "", AuthRefused),
        ("invalid_voice_type", "invalid_request_error", SessionRejected),
        ("invalid_model", "", SessionRejected),
        ("insufficient_quota", "", SessionRejected),
        ("404", "", SessionRejected),
        ("something_new", "", SessionRejected),
    ],
)
def test_the_code_says_whose_turn_it_is(code: str, kind: str, failure: type[SpeakerError]) -> None:
    event = on.ServiceError(code, "No such thing.", type=kind)
    assert type(failure_of(event)) is failure
    assert failure_of(event).retry is (failure in {ServiceBusy, ConnectionLost})
    assert "No such thing" in str(failure_of(event))
    assert code in str(failure_of(event))


def test_an_error_about_our_settings_is_known_by_its_id_or_by_the_setting() -> None:
    assert is_about_session_update(on.ServiceError("c", "m", do.SESSION_UPDATE_ID))
    assert is_about_session_update(on.ServiceError("c", "m", param="session.voice"))
    assert not is_about_session_update(on.ServiceError("c", "m", "greeting-1"))
    assert not is_about_session_update(on.ServiceError("c", "m"))
