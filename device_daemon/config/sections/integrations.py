"""The sections `metrics`, `mqtt` and `privacy`: what other programs get, and what the log may hold."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from device_daemon.config.sections.value_types import Text


class MetricsSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Figures for a monitoring system."""

    textfile: (
        Annotated[str, Meta(pattern=r"^/.*\.prom$", extra={"allowed": "the full path of a file *.prom"})] | None
    ) = None
    """A file for the textfile collector of Prometheus' node_exporter, written every 15 s."""


TopicLevels = Annotated[
    str, Meta(pattern=r"^[^/#+\s][^#+\s]*[^/#+\s]$", extra={"allowed": "topic levels such as home/speakers"})
]


class Mqtt(Struct, frozen=True, forbid_unknown_fields=True):
    """An MQTT broker, for Home Assistant and others: the device reports there and takes commands."""

    host: Text
    """The broker."""
    port: Annotated[int, Meta(ge=1, le=65_535)] = 1883
    """Its port; 8883 is usual with TLS."""
    username: Text | None = None
    """The user."""
    password_file: Text | None = None
    """A file that holds the password, if it is no systemd credential (mqtt-password)."""
    tls: bool = False
    """Use TLS; the broker's certificate is checked."""
    ca_file: Text | None = None
    """CA certificates (PEM) that are trusted as well as the system's."""
    certificate_file: Text | None = None
    """A certificate of the device and its private key (PEM), where the broker wants one."""
    base_topic: TopicLevels = "voicelive-speaker"
    """What the device's topics begin with; the host name comes next."""
    discovery_prefix: TopicLevels = "homeassistant"
    """Where Home Assistant looks for devices."""


class Privacy(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be written to the log."""

    log_transcripts: bool = False
    """Write transcripts into the log."""
