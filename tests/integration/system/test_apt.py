"""The real apt-cache, over a repository of a test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from device_daemon.system.apt import APT_CACHE, AptCandidate, Versions

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="no Debian")

STATUS = """\
Package: voicelive-speaker
Status: install ok installed
Architecture: all
Version: 0.2.0+deb12
Maintainer: nobody <nobody@example.com>
Description: speaker

"""


class Apt:
    """An apt with folders, a repository and installed packages of its own."""

    def __init__(self, folder: Path) -> None:
        self.lists, self._repository, self._folder = folder / "lists", folder / "repository", folder
        for name in ("lists/partial", "cache/archives/partial", "repository", "etc/apt.conf.d", "etc/preferences.d"):
            (folder / name).mkdir(parents=True)
        (folder / "status").write_text(STATUS, encoding="utf-8")
        (folder / "sources.list").write_text(f"deb [trusted=yes] file:{self._repository} ./\n", encoding="utf-8")
        settings = {
            "Dir::State::lists": self.lists,
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder / "cache",
            "Dir::Etc": folder / "etc",
            "Dir::Etc::sourcelist": folder / "sources.list",
            "APT::Sandbox::User": "root",
        }
        lines = [f'{name} "{value}";' for name, value in settings.items()]
        (folder / "apt.conf").write_text("\n".join(lines), encoding="utf-8")
        self.environment = {"PATH": os.environ["PATH"], "APT_CONFIG": str(folder / "apt.conf")}

    def offer(self, version: str) -> None:
        """Put a version into the repository, as if somebody had, and let apt read its lists."""
        stanza = f"Package: voicelive-speaker\nArchitecture: all\nVersion: {version}\nFilename: ./a.deb\nSize: 1\n"
        (self._repository / "Packages").write_text(
            f"{stanza}SHA256: {'0' * 64}\nDescription: speaker\n\n", encoding="utf-8"
        )
        subprocess.run(["apt-get", "update"], env=self.environment, check=True, capture_output=True)


async def test_a_new_version_is_known_once_apt_has_read_its_lists(tmp_path: Path) -> None:
    apt = Apt(tmp_path)
    candidate = AptCandidate("voicelive-speaker", apt.environment, apt.lists)
    assert await candidate.versions() is None, "no repository was read yet"
    apt.offer("0.3.0+deb12")
    assert await candidate.versions() == Versions("0.2.0+deb12", "0.3.0+deb12")
    apt.offer("0.3.1+deb12")
    assert await candidate.versions() == Versions("0.2.0+deb12", "0.3.1+deb12")


async def test_apt_is_asked_again_only_after_its_lists_changed(tmp_path: Path) -> None:
    apt = Apt(tmp_path)
    apt.offer("0.3.0+deb12")
    candidate = AptCandidate("voicelive-speaker", apt.environment, apt.lists)
    first = await candidate.versions()
    (tmp_path / "status").unlink()
    assert await candidate.versions() == first


async def test_a_machine_without_apt_has_no_versions(tmp_path: Path) -> None:
    assert await AptCandidate("voicelive-speaker", {}, tmp_path / "nowhere").versions() is None
    assert Path(APT_CACHE).exists(), "on this machine the folder is what is missing"
