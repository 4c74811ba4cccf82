#!/usr/bin/env python3
"""Lists the Python packages of others that the Debian package brings: licences, and a bill of materials (SBOM).

    inventory.py SITE-PACKAGES FOLDER

Writes third-party-licences.txt and sbom.cdx.json (CycloneDX 1.6) into FOLDER. What it lists is read from the installed
packages themselves, after `prune`; nothing here names one. It needs nothing but Python: the build has no network.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

OWN = "voicelive-speaker"
_LICENCE_FILES = ("LICEN[SC]E*", "COPYING*", "NOTICE*", "AUTHORS*")


def name_of(package: Distribution) -> str:
    """Return the package's name in the form that PyPI compares."""
    return package.name.lower().replace("_", "-").replace(".", "-")


def field(package: Distribution, name: str) -> str:
    """Return the first value of a field of the package's metadata, "" if it has none."""
    return next(iter(package.metadata.get_all(name) or []), "")


def licence_of(package: Distribution) -> str:
    """Return the package's licence: an SPDX expression, or what its metadata calls it."""
    if expression := field(package, "License-Expression"):
        return expression
    short = field(package, "License").strip()
    if short and "\n" not in short and len(short) < 80:  # some have the licence's text where its name belongs
        return short
    classifiers = package.metadata.get_all("Classifier") or []
    return ", ".join(text.rsplit(" :: ", 1)[-1] for text in classifiers if "License ::" in text) or "see its text"


def licence_texts(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and text of each licence file in a package's .dist-info folder."""
    for path in sorted({found for pattern in _LICENCE_FILES for found in folder.rglob(pattern) if found.is_file()}):
        yield str(path.relative_to(folder)), path.read_text(encoding="utf-8", errors="replace")


def home_page(package: Distribution) -> str | None:
    """Return the address that a package names first as its own."""
    links = dict(text.split(", ", 1) for text in package.metadata.get_all("Project-URL") or [] if ", " in text)
    named = {label.lower(): address for label, address in links.items()}
    first = next(
        (named[label] for label in ("homepage", "source", "repository", "source code") if label in named), None
    )
    return field(package, "Home-page") or first or next(iter(links.values()), None)


def licences(packages: Mapping[Path, Distribution]) -> str:
    """Return one text: what the packages are, then the licence of each."""
    lines = ["The Python packages of others in this package: names, versions and licences, then the licences.", ""]
    lines += [f"{name_of(each)} {each.version}: {licence_of(each)}" for each in packages.values()]
    for folder, package in packages.items():
        for name, text in licence_texts(folder):
            lines += ["", "", f"==== {name_of(package)} {package.version}: {name} ====", "", text.strip()]
    return "\n".join(lines) + "\n"


def component(package: Distribution, kind: str = "library") -> dict[str, Any]:
    """Return a package as CycloneDX describes a component."""
    purl = f"pkg:pypi/{name_of(package)}@{package.version}"
    described: dict[str, Any] = {
        "type": kind,
        "bom-ref": purl,
        "name": name_of(package),
        "version": package.version,
        "description": field(package, "Summary"),
        "purl": purl,
    }
    expression = field(package, "License-Expression")
    described["licenses"] = [{"expression": expression} if expression else {"license": {"name": licence_of(package)}}]
    if address := home_page(package):
        described["externalReferences"] = [{"type": "website", "url": address}]
    return described


def bill_of_materials(own: Distribution, packages: list[Distribution]) -> dict[str, Any]:
    """Return the bill of materials (CycloneDX 1.6); the same packages give the same bill."""
    built = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    parts = [component(package) for package in packages]
    whole = component(own, "application")
    content = json.dumps(parts, sort_keys=True)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, whole['purl'] + content)}",
        "version": 1,
        "metadata": {"timestamp": f"{built:%Y-%m-%dT%H:%M:%SZ}", "component": whole},
        "components": parts,
        "dependencies": [
            {"ref": whole["purl"], "dependsOn": [part["purl"] for part in parts]},
            *({"ref": part["purl"]} for part in parts),
        ],
    }


def main(site_packages: Path, folder: Path) -> None:
    """Write both files."""
    packages = {path: Distribution.at(path) for path in sorted(site_packages.glob("*.dist-info"))}
    (own,) = [path for path, package in packages.items() if name_of(package) == OWN]
    itself = packages.pop(own)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "third-party-licences.txt").write_text(licences(packages), encoding="utf-8")
    bill = json.dumps(bill_of_materials(itself, list(packages.values())), indent=2, ensure_ascii=False)
    (folder / "sbom.cdx.json").write_text(bill + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
