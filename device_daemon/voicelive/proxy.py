"""The HTTP proxy on the way to the service: `service.proxy`, else HTTPS_PROXY and its like, as other programs do. Pure."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from device_daemon.config.endpoint import proxy_flaw
from device_daemon.errors import SettingUnusable


def proxy_for(url: str, configured: str | None) -> str | None:
    """Return the address of the proxy for a URL of the service, or None for a direct connection.

    Args:
        url: https:// or http://; NO_PROXY may except its host.
        configured: service.proxy, which config/endpoint.py has checked.

    Raises:
        SettingUnusable: An environment variable holds no address of a proxy.
    """
    if configured:
        return configured
    parts = urlsplit(url)
    found = getproxies().get(parts.scheme, "").strip()
    if not found or proxy_bypass(parts.hostname or ""):
        return None
    variable = f"{parts.scheme.upper()}_PROXY"
    address = found if "://" in found else f"http://{found}"  # as curl takes it
    if proxy_flaw(address):
        # Not what was found: it may hold a password.
        raise SettingUnusable(
            f"the environment variable {variable} holds no address of a proxy; set it to http://host:port."
        )
    return address
