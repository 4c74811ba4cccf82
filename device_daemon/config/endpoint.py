"""Validation of the service endpoint and the proxy: the addresses that audio and key may be sent to."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

from device_daemon.config.api_key import KEY_PLACES
from device_daemon.config.problems import quoted

_ALLOWED = "https://HOST or wss://HOST; http:// and ws:// only to this machine (localhost, 127.0.0.1, [::1])"
_LOCAL_DOMAINS = (".local", ".lan", ".home", ".home.arpa", ".internal", ".localdomain", ".fritz.box", ".localhost")
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|[0-9a-f:.]+")
_BARE_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?/?")
# The client adds the path itself; portals and other SDKs show addresses with these paths.
_COPIED_PATH = re.compile(r"/(api/projects|openai|voice-live)(/|$)")


def is_this_machine(host: str) -> bool:
    """Whether what is sent to `host` never leaves this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_PLACEHOLDER: Final = re.compile(
    r"(my|your)-?(own-?)?(azure-?|ai-?|foundry-?)*(resource|endpoint|name|host|domain)(-?name)?|resource-?name"
)
_FOREIGN: Final = {
    "openai.com": "OpenAI's own service, which is another one",
    "anthropic.com": "another service",
    "googleapis.com": "another service",
    "elevenlabs.io": "another service",
    "deepgram.com": "another service",
}
_PORTALS: Final = {"portal.azure.com", "ai.azure.com", "oai.azure.com", "speech.microsoft.com", "learn.microsoft.com"}
_RIGHT: Final = (
    "the address of your Azure resource, such as https://NAME.services.ai.azure.com; the Azure portal shows it on the "
    "resource's page, under Keys and Endpoint"
)


def wrong_host(host: str) -> str | None:
    """Return what a host is that cannot be the voice service: a placeholder, a portal, a foreign service; None if none."""
    if _PLACEHOLDER.fullmatch(host.partition(".")[0]):
        return "the placeholder of an example"
    if host in _PORTALS or host.endswith(".portal.azure.com"):
        return "a web page, not the service"
    return next((what for domain, what in _FOREIGN.items() if host == domain or host.endswith(f".{domain}")), None)


def endpoint_flaw(endpoint: str) -> str | None:
    """Return what is wrong with the service's address, and what is allowed; None if nothing is."""
    if "@" in endpoint or "key=" in endpoint.lower():
        return f"found a key or password in the address; {KEY_PLACES}"
    scheme, host = _scheme_and_host(endpoint)
    found = f"found {quoted(endpoint)}; allowed: {_ALLOWED}"
    if re.search(r"[<>{}]", endpoint):
        return f"found {quoted(endpoint)}, the placeholder of an example; allowed: {_RIGHT}"
    if not host or scheme not in {"https", "wss", "http", "ws"}:
        meant = f" (did you mean {quoted(f'https://{endpoint}')}?)" if _BARE_HOST.fullmatch(endpoint) else ""
        return found + meant
    if scheme in {"http", "ws"} and not is_this_machine(host):
        secure = {"http": "https", "ws": "wss"}[scheme]
        return f"{found} (did you mean {quoted(f'{secure}{endpoint[len(scheme) :]}')}?)"
    if what := wrong_host(host):
        return f"found {quoted(endpoint)}, {what}; allowed: {_RIGHT}"
    url = urlsplit(endpoint)
    if _COPIED_PATH.search(url.path):
        meant = quoted(f"{url.scheme}://{url.netloc}")
        return f"found {quoted(endpoint)}; allowed: the address of the resource alone (did you mean {meant}?)"
    return None


def proxy_flaw(proxy: str) -> str | None:
    """Return what is wrong with the proxy's address; None if nothing is. It may hold a password: it is not shown."""
    scheme, host = _scheme_and_host(proxy)
    if host and scheme in {"http", "https"}:
        return None
    return "found no address of a proxy; allowed: http://host:port"


def local_url_flaw(url: str) -> str | None:
    """Return what is wrong with the address of a server in the home, which gets a secret; None if nothing is."""
    scheme, host = _scheme_and_host(url)
    if not host or scheme not in {"http", "https"} or "@" in url:
        return f"found {quoted(url)}; allowed: https://HOST, or http://HOST on the local network"
    if scheme == "http" and not _is_local(host):
        return (
            f"found {quoted(url)}, which would send a secret through the internet unencrypted; allowed: https://, or the"
            " address on the local network, such as http://192.168.1.10:8123"
        )
    return None


def public_url_flaw(url: str) -> str | None:
    """Return what is wrong with the address of a server that the voice service is to call; None if nothing is."""
    scheme, host = _scheme_and_host(url)
    if not host or scheme != "https" or "@" in url:
        return f"found {quoted(url)}; allowed: https://HOST/PATH, without a password in it"
    if _is_local(host):
        return (
            f"found {quoted(url)}, an address on the local network, which the voice service cannot reach; allowed: one on"
            " the internet, or 'local' with a program on this device"
        )
    return None


def _is_local(host: str) -> bool:
    """Whether a host is in the local network: a private address, a name without a domain, or one of a local domain."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host.rstrip(".") or host.rstrip(".").endswith(_LOCAL_DOMAINS)
    return address.is_private or address.is_loopback or address.is_link_local


def _scheme_and_host(address: str) -> tuple[str, str]:
    """Return both in lower case; an empty host if `address` is malformed."""
    # urlsplit drops line breaks and tabs from the middle of an address.
    if re.search(r"\s", address):
        return "", ""
    try:
        url = urlsplit(address)
        host = url.hostname or ""
        valid = _HOST.fullmatch(host) is not None and url.port != 0
    except ValueError:
        return "", ""
    return url.scheme, host if valid else ""
