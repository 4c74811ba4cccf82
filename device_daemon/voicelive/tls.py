"""TLS: whom a connection to the service trusts."""

from __future__ import annotations

import ssl
from pathlib import Path

from device_daemon.errors import SettingUnusable


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that trusts the system's CAs and those of `service.ca_file`; reads a hundred files.

    Raises:
        SettingUnusable: The file cannot be read, or holds no certificate.
    """
    context = ssl.create_default_context()
    if ca_file is None:
        return context
    try:
        context.load_verify_locations(Path(ca_file).expanduser())
    except ssl.SSLError:  # a subclass of OSError; its own words name neither the file nor the format
        raise SettingUnusable(f"{ca_file}: holds no certificate in PEM form; correct service.ca_file.") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home folder for ~
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingUnusable(f"{ca_file}: cannot be read: {reason}; correct service.ca_file.") from None
    return context
