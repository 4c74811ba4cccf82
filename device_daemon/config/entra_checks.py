"""Validation of `service.entra`: keys that belong to another method, and those that a method needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from device_daemon.config.problems import Problems
from device_daemon.config.settings import Service
from device_daemon.config.source_map import SourceMap

_TAKES: Final[Mapping[str, tuple[str, ...]]] = {
    "auto": ("client_id",),
    "managed-identity": ("client_id",),
    "service-principal": ("tenant_id", "client_id", "client_secret_file", "certificate_file"),
    "workload-identity": ("tenant_id", "client_id", "token_file"),
    "device-code": ("tenant_id", "client_id"),
}
_NEEDS: Final[Mapping[str, tuple[str, ...]]] = {"service-principal": ("tenant_id", "client_id")}


def check_entra(service: Service, source_map: SourceMap, problems: Problems) -> None:
    """Report every broken rule; a value that is invalid by itself was reported already."""
    entra = service.entra
    if source_map.node(service, "entra") is None or not source_map.knows(entra):
        return
    if service.auth != "entra":
        sentence = "found beside 'auth: api-key', which does not use it; write 'auth: entra', or leave it out"
        problems.add(source_map.key(service, "entra"), sentence)
        return
    for name in ("tenant_id", "client_id", "client_secret_file", "certificate_file", "token_file"):
        if getattr(entra, name) is not None and name not in _TAKES[entra.method]:
            methods = [method for method, takes in _TAKES.items() if name in takes]
            problems.add(
                source_map.key(entra, name),
                f"found beside 'method: {entra.method}'; it belongs to {', '.join(methods)}",
            )
    for name in _NEEDS.get(entra.method, ()):
        if getattr(entra, name) is None and not problems.has_problem_at(source_map.value(entra, name).path):
            problems.add(source_map.value(entra), f"found no '{name}', which {entra.method} needs")
    if entra.client_secret_file and entra.certificate_file:
        where = problems.where(source_map.key(entra, "client_secret_file"), source_map.key(entra, "certificate_file"))
        sentence = f"found beside 'client_secret_file' ({where}); allowed: one of the two"
        problems.add(source_map.key(entra, "certificate_file"), sentence)
