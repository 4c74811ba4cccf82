"""The proxy of the environment is understood as other programs understand it; a wrong one is named, never shown."""

from __future__ import annotations

import pytest

from device_daemon.errors import SettingUnusable
from device_daemon.voicelive.proxy import proxy_for

URL = "https://speaker.services.ai.azure.com/voice-live/realtime"
PASSWORD = "passw0rd"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("found", "address"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("proxy.example", "http://proxy.example"),
        ("10.0.0.1:80", "http://10.0.0.1:80"),
        ("[fd00::1]:3128", "http://[fd00::1]:3128"),
        (f"user:{PASSWORD}@proxy.example:3128", f"http://user:{PASSWORD}@proxy.example:3128"),
        ("  http://proxy.example:3128/ ", "http://proxy.example:3128/"),
        ("", None),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy"])
def test_an_address_is_understood_with_and_without_its_scheme(
    found: str, address: str | None, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, found)
    assert proxy_for(URL, None) == address


@pytest.mark.parametrize(
    "found",
    [
        "proxy.example:99999",
        "http://proxy.example:port",
        "http://",
        ":3128",
        "proxy.example:0",
        f"socks5://user:{PASSWORD}@proxy.example:1080",
        "http://[fd00::1:3128",
        "http://proxy .example:3128",
    ],
)
def test_what_is_no_address_is_one_sentence_that_names_the_variable(
    found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", found)
    with pytest.raises(SettingUnusable, match=r"HTTPS_PROXY .*http://host:port\.$") as caught:
        proxy_for(URL, None)
    assert not caught.value.retry
    assert PASSWORD not in str(caught.value)


def test_the_config_comes_first_and_no_proxy_excepts_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:99999")
    assert proxy_for(URL, "http://own.example:3128") == "http://own.example:3128"
    monkeypatch.setenv("NO_PROXY", "services.ai.azure.com")
    assert proxy_for(URL, None) is None


def test_a_connection_to_this_machine_needs_no_proxy_for_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    assert proxy_for("http://127.0.0.1:8080/voice-live/realtime", None) is None
