"""The support bundle holds what helps and nothing that is a secret."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from device_daemon.doctor import bundle
from device_daemon.doctor.checklist import CheckupResult
from device_daemon.doctor.findings import failed

SECRET = "short-key"


def packed(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        return {
            member.name.removeprefix(f"{bundle.FOLDER}/"): file.read().decode()
            for member in archive.getmembers()
            if (file := archive.extractfile(member)) is not None
        }


def test_the_bundle_holds_everything_that_can_be_read_and_no_secrets(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name, text in {
        "proc/asound/cards": " 0 [USB ]: a speakerphone\n",
        "proc/asound/card0/pcm0p/sub0/hw_params": "closed\n",
        "etc/os-release": "NAME=Debian\n",
        "boot/firmware/config.txt": f"dtoverlay=seeed-2mic\n# {SECRET}\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    config = tmp_path / "config.yaml"
    config.write_text(f"service: {{endpoint: 'https://x', instructions: 'it is {SECRET}'}}\n", encoding="utf-8")
    outcome = CheckupResult(
        [failed("speaker", f"it said {SECRET}", "plug it in")], {"state": "idle"}, [SECRET], "a log\n"
    )

    path = tmp_path / "report.tar.gz"
    names = bundle.write(path, config, outcome, root)
    contents = packed(path)
    assert names == list(contents)
    assert "(hidden)" in contents["config.yaml"]
    assert "it said (hidden)" in contents["findings.txt"]
    assert contents["status.json"] == '{\n  "state": "idle"\n}'
    assert contents["proc/asound/card0/pcm0p/sub0/hw_params"] == "closed\n"
    assert contents["boot/firmware/config.txt"].startswith("dtoverlay=seeed-2mic")
    assert "voicelive-speaker" in contents["versions.txt"]
    assert "microphones" in contents["devices.txt"]
    assert SECRET not in "".join(contents.values())
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_read_is_replaced_by_the_reason(tmp_path: Path) -> None:
    pipe = tmp_path / "config.yaml"
    os.mkfifo(pipe)
    bundle.write(tmp_path / "report.tar.gz", pipe, CheckupResult([], None, [], ""), tmp_path / "none")
    contents = packed(tmp_path / "report.tar.gz")
    assert "cannot be read" in contents["config.yaml"]
    assert "status.json" not in contents
