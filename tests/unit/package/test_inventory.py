"""What the package says about the packages of others in it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scripts import REPOSITORY

METADATA = "Metadata-Version: 2.4\nName: {name}\nVersion: 1.2\nSummary: For tests\n{more}\n"


@pytest.fixture
def listed(tmp_path: Path) -> tuple[dict[str, Any], str]:
    """The bill of materials and the licences of a folder with three packages of others."""
    others = {
        "voicelive_speaker": ("voicelive-speaker", "License-Expression: MIT"),
        "PyYAML": ("PyYAML", "License: MIT\nProject-URL: Homepage, https://pyyaml.example/"),
        "numpy": ("numpy", "License-Expression: BSD-3-Clause AND Zlib"),
        "old.style": ("old.style", "Classifier: License :: OSI Approved :: BSD License"),
    }
    packages = tmp_path / "site-packages"
    for folder, (name, more) in others.items():
        info = packages / f"{folder}-1.2.dist-info"
        (info / "licenses").mkdir(parents=True)
        (info / "METADATA").write_text(METADATA.format(name=name, more=more))
        (info / "licenses/LICENSE.txt").write_text(f"The licence of {name}.\n")
    program = REPOSITORY / "scripts/deb/inventory.py"
    made = tmp_path / "doc"
    environment = {"SOURCE_DATE_EPOCH": "1764374400"}
    subprocess.run([sys.executable, program, packages, made], check=True, env=environment)
    return json.loads((made / "sbom.cdx.json").read_text()), (made / "third-party-licences.txt").read_text()


def test_every_package_of_others_is_a_component_with_its_address_at_pypi(listed: tuple[dict[str, Any], str]) -> None:
    bill, _ = listed
    assert [part["purl"] for part in bill["components"]] == [
        "pkg:pypi/pyyaml@1.2",
        "pkg:pypi/numpy@1.2",
        "pkg:pypi/old-style@1.2",
    ]
    assert bill["metadata"]["component"]["purl"] == "pkg:pypi/voicelive-speaker@1.2"
    assert bill["components"][0]["externalReferences"] == [{"type": "website", "url": "https://pyyaml.example/"}]


def test_licences_are_expressions_where_the_package_has_one(listed: tuple[dict[str, Any], str]) -> None:
    assert [part["licenses"] for part in listed[0]["components"]] == [
        [{"license": {"name": "MIT"}}],
        [{"expression": "BSD-3-Clause AND Zlib"}],
        [{"license": {"name": "BSD License"}}],
    ]


def test_the_bill_says_what_cyclonedx_requires_and_when_the_package_was_made(
    listed: tuple[dict[str, Any], str],
) -> None:
    bill, _ = listed
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", bill["serialNumber"])
    assert bill["metadata"]["timestamp"] == "2025-11-29T00:00:00Z"
    assert {each["ref"] for each in bill["dependencies"]} == {
        bill["metadata"]["component"]["bom-ref"],
        *(part["bom-ref"] for part in bill["components"]),
    }


def test_every_licence_stands_in_the_text_but_our_own(listed: tuple[dict[str, Any], str]) -> None:
    _, text = listed
    for name in ("PyYAML", "numpy", "old.style"):
        assert f"The licence of {name}." in text
    assert "The licence of voicelive-speaker." not in text
    assert "numpy 1.2: BSD-3-Clause AND Zlib" in text
