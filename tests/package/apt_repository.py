"""The apt repository that scripts/build-repo makes: installed from, upgraded from, and refused where it was changed.

Run by scripts/check-deb: BASE is a folder with a small Debian, NEW the package of this version, OLD that of the one before.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from device_daemon import __version__
from scripts import REPOSITORY
from tests.package.guest import Guest

BASE, NEW, OLD = (Path(os.environ[name]) for name in ("BASE", "NEW", "OLD"))
SUITE = {"12": "bookworm", "13": "trixie"}[NEW.name.partition("+deb")[2].partition("_")[0]]
PLACE = "/srv/repository"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A secret key in a file, as a build machine gets it."""
    home = tmp_path_factory.mktemp("gpg")
    home.chmod(0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-gen-key", "Packages <p@example.com>", "ed25519", "sign", "1d"], check=True)
    file = home / "key.asc"
    file.write_bytes(subprocess.run([*gpg, "--armor", "--export-secret-keys"], check=True, capture_output=True).stdout)
    return file


def build(key: Path, folder: Path, *packages: Path) -> Path:
    assert build_repo("--key", key, "--url", f"file:{PLACE}", folder, *packages).returncode == 0
    return folder


def build_repo(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(REPOSITORY / "scripts/build-repo"), *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """A Debian that knows no other repository; it has what the package depends on."""
    guest = Guest(tmp_path / "guest", BASE)
    guest.must("rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/*")
    return guest


def serve(guest: Guest, repository: Path) -> None:
    """Give the guest this repository in the place of what it had."""
    place = guest.folder / "upper" / PLACE.lstrip("/")
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(repository, place)
    guest.must(f"cp {PLACE}/{SUITE}.sources /etc/apt/sources.list.d/voicelive-speaker.sources")


def version(guest: Guest) -> str:
    return guest.must("voicelive-speaker --version").split()[-1]


def test_it_is_installed_and_upgraded_from_as_any_other(key: Path, guest: Guest, tmp_path: Path) -> None:
    serve(guest, build(key, tmp_path / "repository", OLD))
    guest.must("apt-get update && apt-get install -y --no-install-recommends voicelive-speaker")
    assert version(guest) == "0.0.9"
    guest.write("/etc/voicelive-speaker/config.yaml", "service: {local: true}\n")
    serve(guest, build(key, tmp_path / "repository", NEW))
    guest.must("apt-get update && apt-get -y upgrade")
    assert version(guest) == __version__
    assert guest.must("cat /etc/voicelive-speaker/config.yaml") == "service: {local: true}\n"


def test_a_repository_that_somebody_changed_is_refused(key: Path, guest: Guest, tmp_path: Path) -> None:
    repository = build(key, tmp_path / "repository", NEW)
    for packages in repository.glob(f"dists/{SUITE}/main/binary-*/Packages"):
        packages.with_suffix(".gz").unlink()
        packages.write_text(packages.read_text(encoding="utf-8").replace("Depends:", "X-Depends:"), encoding="utf-8")
    serve(guest, repository)
    ran = guest.run("apt-get update")
    assert ran.code != 0
    assert "Hash Sum mismatch" in ran.said or "unexpected size" in ran.said


def test_a_repository_of_another_key_is_refused(key: Path, guest: Guest, tmp_path: Path) -> None:
    serve(guest, build(key, tmp_path / "repository", NEW))
    guest.must("sed -i '/^Signed-By/,$d' /etc/apt/sources.list.d/voicelive-speaker.sources")
    ran = guest.run("apt-get update && apt-get install -y voicelive-speaker")
    assert ran.code != 0
    assert "NO_PUBKEY" in ran.said or "is not signed" in ran.said


def test_the_folder_is_made_anew_and_nothing_but_a_repository_is_replaced(key: Path, tmp_path: Path) -> None:
    repository = build(key, tmp_path / "repository", OLD)
    build(key, repository, NEW)
    assert [path.name for path in repository.rglob("*.deb")] == [NEW.name]
    (tmp_path / "home").mkdir()
    (tmp_path / "home/letter").touch()
    ran = build_repo("--key", key, tmp_path / "home", NEW)
    assert ran.returncode == 1
    assert "holds something else" in ran.stderr
    assert (tmp_path / "home/letter").exists()
