"""What must not get into a report does not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from device_daemon.config.masking import HIDDEN, mask

HARMLESS = """\
service:
  endpoint: https://my-resource.services.ai.azure.com
  auth: api-key
  api_key_file: /etc/voicelive-speaker/api-key
audio: {microphone: {device: "plughw:CARD=seeed2micvoicec,DEV=0"}}
2026-11-22T18:34:39 voicelive-speaker[12]: idle -> connecting
"""


def test_what_is_no_secret_stays_as_it_is() -> None:
    assert mask(HARMLESS) == HARMLESS


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("api-key: abcDEF123", "abcDEF123"),
        ('{"api_key": "abc DEF", "x": 1}', "abc DEF"),
        ("AZURE_VOICELIVE_API_KEY=abc", "=abc"),
        ("Authorization: Bearer abcdefgh.ijk", "abcdefgh"),
        ("eyJhbGciOi.eyJzdWIi.c2ln in a line", "eyJ"),
        ("proxy: http://lisa:pa55@proxy:3128", "pa55"),
        ("wifi psk=hunter22", "hunter22"),
        ("https://x/?sig=abc%2F&y=1", "abc%2F"),
    ],
)
def test_secrets_that_have_a_name_or_a_form_are_taken_out(text: str, secret: str) -> None:
    assert secret in text
    masked = mask(text)
    assert secret not in masked
    assert HIDDEN in masked


@given(before=some.text(max_size=20), key=some.from_regex(r"[0-9a-f]{32}|[A-Za-z0-9]{84}", fullmatch=True))
def test_no_key_of_azures_survives_wherever_it_stands(before: str, key: str) -> None:
    assert key not in mask(f"{before}{key}\n{before} {key}")


def test_the_key_that_was_read_is_taken_out_whatever_it_looks_like() -> None:
    assert (
        mask("it said: tiny-key refused, tiny too", ["tiny", "tiny-key"]) == f"it said: {HIDDEN} refused, {HIDDEN} too"
    )


def test_what_people_said_is_taken_out_of_the_journal_and_the_rest_stays() -> None:
    log = (
        "2026-11-22T18:34:39 voicelive-speaker[12]: user: where is my medicine\n"
        "2026-11-22T18:34:40 voicelive-speaker[12]: assistant: in the kitchen: on the shelf\n"
        "2026-11-22T18:34:41 voicelive-speaker[12]: listening -> idle\n"
    )
    masked = mask(log)
    assert not re.search("medicine|kitchen|shelf", masked)
    assert f"user: {HIDDEN}\n" in masked
    assert masked.splitlines()[2] == log.splitlines()[2]
