"""Every way in which a connection can fail becomes an exception that says what to do."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey, RequestInfo
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from device_daemon.errors import (
    AuthRefused,
    ClockNotSet,
    ConnectionLost,
    ServiceBusy,
    ServiceUnreachable,
    SessionRejected,
    SpeakerError,
)
from device_daemon.voicelive.failures import (
    MOST_RETRY_AFTER_S,
    close_failure,
    connect_failure,
    handshake_failure,
    retry_after_s,
)

HOST = "speaker.services.ai.azure.com"
NO_HEADERS = CIMultiDictProxy(CIMultiDict[str]())
ASKED = RequestInfo(URL(f"https://{HOST}/voice-live/realtime"), "GET", NO_HEADERS)
LINE = ConnectionKey(HOST, 443, True, True, None, None, None)


def refused(status: int, **headers: str) -> aiohttp.WSServerHandshakeError:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return aiohttp.WSServerHandshakeError(
        ASKED, (), status=status, headers=CIMultiDictProxy(CIMultiDict(named)), message="Invalid response status"
    )


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (400, SessionRejected, False),
        (401, AuthRefused, False),
        (403, AuthRefused, False),
        (404, SessionRejected, False),
        (408, ServiceBusy, True),
        (429, ServiceBusy, True),
        (500, ServiceBusy, True),
        (502, ServiceBusy, True),
        (503, ServiceBusy, True),
        (504, ServiceBusy, True),
        (302, SessionRejected, False),
    ],
)
def test_a_status_says_whose_turn_it_is(status: int, kind: type[SpeakerError], retry: bool) -> None:
    failure = connect_failure(refused(status), HOST)
    assert type(failure) is kind
    assert failure.retry is retry
    assert str(status) in str(failure)


@given(st.integers(100, 999))
def test_any_status_is_one_sentence_that_names_the_host_and_says_what_to_do(status: int) -> None:
    said = str(handshake_failure(status, None, HOST))
    assert HOST in said
    assert ";" in said
    assert said.endswith(".")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("99999999", MOST_RETRY_AFTER_S),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 60.0),
        ("Wednesday, 21-Oct-26 07:28:00 GMT", 60.0),
        ("Wed Oct 21 07:28:00 2026", 60.0),
        ("Wed, 21 Oct 2026 07:26:00 GMT", 0.0),
        ("-5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_understood_as_seconds_and_as_a_date(value: str, seconds: float | None) -> None:
    assert retry_after_s(value, datetime(2026, 10, 21, 7, 27, tzinfo=UTC)) == seconds


def test_a_service_that_is_busy_says_for_how_long() -> None:
    failure = connect_failure(refused(429, Retry_After="30"), HOST)
    assert isinstance(failure, ServiceBusy)
    assert failure.retry_after_s == 30.0


def test_a_network_that_is_not_there_is_reported_by_what_is_missing() -> None:
    lookup = connect_failure(aiohttp.ClientConnectorDNSError(LINE, socket.gaierror(-2, "Name not known")), HOST)
    assert isinstance(lookup, ServiceUnreachable)
    assert f"cannot look up {HOST}" in str(lookup)
    closed = ConnectionRefusedError(111, "Connect call failed ('10.0.0.1', 443)")
    assert "Connection refused" in str(connect_failure(aiohttp.ClientConnectorError(LINE, closed), HOST))
    several = OSError("Multiple exceptions: [Errno 111] …, [Errno 101] …")
    assert "Multiple exceptions" in str(connect_failure(aiohttp.ClientConnectorError(LINE, several), HOST))
    assert "in time" in str(connect_failure(aiohttp.ConnectionTimeoutError("Connection timeout to host"), HOST))
    assert "in time" in str(connect_failure(TimeoutError(), HOST))
    for error in (aiohttp.ServerDisconnectedError(), ConnectionResetError(104, "Connection reset by peer"), OSError()):
        failure = connect_failure(error, HOST)
        assert type(failure) is ServiceUnreachable
        assert HOST in str(failure)


def test_a_bad_certificate_is_reported_with_its_reason_and_the_date_as_a_possible_cause() -> None:
    expired = ssl.SSLCertVerificationError(1, "certificate verify failed")
    expired.verify_message = "certificate has expired"
    error = aiohttp.ClientConnectorCertificateError(LINE, expired)
    failure = connect_failure(error, HOST, lambda: True)
    assert type(failure) is ServiceUnreachable
    assert "certificate has expired" in str(failure)
    assert "date and time" in str(failure)
    assert isinstance(connect_failure(error, HOST, lambda: False), ClockNotSet)


def test_a_handshake_of_tls_that_fails_is_no_matter_of_the_date() -> None:
    error = aiohttp.ClientConnectorSSLError(LINE, ssl.SSLError(1, "wrong version number"))
    assert "no secure connection" in str(connect_failure(error, HOST))


def test_an_address_that_is_none_is_a_wrong_setting() -> None:
    assert isinstance(connect_failure(aiohttp.InvalidURL("http://["), HOST), SessionRejected)


@pytest.mark.parametrize("code", [None, 1001, 1005, 1006, 1009, 1011, 1012, 1013, 3000, 4001])
def test_a_connection_that_breaks_is_tried_again_and_its_code_is_kept(code: int | None) -> None:
    failure = close_failure(code, "")
    assert isinstance(failure, ConnectionLost)
    assert failure.retry
    assert failure.code == code
    assert str(code or 1006) in str(failure)


def test_a_session_that_the_service_ends_unasked_is_a_lost_connection_like_any_other() -> None:
    failure = close_failure(1000, "idle")
    assert isinstance(failure, ConnectionLost)
    assert failure.retry
    assert "idle" in str(failure)


def test_the_words_of_a_close_forge_no_log_line() -> None:
    assert str(close_failure(1011, "one\nERROR two\x1b[2J")).isprintable()


def test_a_breach_of_the_rules_is_a_wrong_setting_with_the_words_of_the_service() -> None:
    failure = close_failure(1008, "max_config_attempts_exceeded")
    assert isinstance(failure, SessionRejected)
    assert "max_config_attempts_exceeded" in str(failure)
    assert not failure.retry
