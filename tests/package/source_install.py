"""scripts/install and scripts/uninstall in a Debian that runs, and the package's upgrade there. Run by scripts/check-deb.

BASE is a folder with a small Debian, WHEELS one with the Python packages, NEW and OLD are Debian packages.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from device_daemon import __version__
from scripts import REPOSITORY
from tests.package.guest import Guest

BASE, WHEELS, NEW, OLD = (Path(os.environ[name]) for name in ("BASE", "WHEELS", "NEW", "OLD"))

PRELUDE = """
exec 2>&1
key_of() { cat /run/credentials/voicelive-speaker.service/api-key; }
"""
CONFIGURE = """
echo 'service: {local: true}' >/etc/voicelive-speaker/config.yaml
echo secret-key-of-the-owner | voicelive-speaker-set-key
systemctl start voicelive-speaker
"""


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    return Guest(tmp_path / "guest", BASE)


@pytest.fixture
def checkouts(tmp_path: Path) -> Path:
    """A folder with this checkout, one that breaks before it is ready, and one that does not know the config."""
    folder = tmp_path / "checkouts"
    for name in ("good", "broken", "strange"):
        for part in ("scripts", "device_daemon", "config", "systemd"):
            shutil.copytree(REPOSITORY / part, folder / name / part, ignore=shutil.ignore_patterns("__pycache__"))
        for part in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(REPOSITORY / part, folder / name)
    (folder / "broken/device_daemon/daemon.py").write_text("raise SystemExit('broken on purpose')\n", encoding="utf-8")
    (folder / "broken/config/boards/button-led.yaml").write_text("triggers: []\n", encoding="utf-8")
    (folder / "strange/config/boards/button-led.yaml").write_text("triggers: []\n", encoding="utf-8")
    (folder / "strange/device_daemon/config/reader.py").write_text(
        "raise SystemExit('strange on purpose')\n", encoding="utf-8"
    )
    return folder


def test_a_speaker_is_installed_upgraded_kept_when_an_upgrade_fails_and_removed(guest: Guest, checkouts: Path) -> None:
    ran = guest.boot(
        f"""{PRELUDE}
umask 077
install() {{ {checkouts}/$1/scripts/install --wheels {WHEELS}; }}
install good
systemctl is-enabled voicelive-speaker
! systemctl is-active voicelive-speaker
{CONFIGURE}
key_of
/opt/voicelive-speaker/current/bin/python3 -m pip install --no-index --find-links {WHEELS} pyopen-wakeword
install good
systemctl is-active voicelive-speaker
voicelive-speaker status
/opt/voicelive-speaker/current/bin/python3 -c "import pyopen_wakeword"
printf 'service: {{local: true}}\ninclude: boards/button-led.yaml\n' >/tmp/config.yaml
voicelive-speaker check-config --config /tmp/config.yaml
running=$(systemctl show --value -p MainPID voicelive-speaker)
kept=$(readlink /opt/voicelive-speaker/current)

echo "--- strange"
! install strange
grep -c "pin: 17" /usr/local/share/voicelive-speaker/boards/button-led.yaml
[ "$running" = "$(systemctl show --value -p MainPID voicelive-speaker)" ]

echo "--- broken"
! install broken
systemctl is-active voicelive-speaker
[ "$kept" = "$(readlink /opt/voicelive-speaker/current)" ]
grep -c "pin: 17" /usr/local/share/voicelive-speaker/boards/button-led.yaml
voicelive-speaker --version
ls /opt/voicelive-speaker/versions | wc -l
cat /etc/voicelive-speaker/config.yaml

echo "--- uninstall"
{checkouts}/good/scripts/uninstall
ls /etc/voicelive-speaker
! getent passwd voicelive-speaker
! ls -d /opt/voicelive-speaker /var/lib/voicelive-speaker /etc/credstore* /usr/local/bin/voicelive-speaker* 2>/dev/null
! systemctl cat voicelive-speaker 2>/dev/null
{checkouts}/good/scripts/uninstall --purge
! ls -d /etc/voicelive-speaker 2>/dev/null
""",
        see=[checkouts, WHEELS],
        timeout_s=400,
    )
    assert ran.code == 0, ran.said
    installed, strange, broken, uninstalled = (part for part in ran.said.split("--- "))
    assert "secret-key-of-the-owner" in installed
    assert "strange on purpose" in strange
    assert "nothing was changed" in strange
    assert "does not start" in broken
    assert f"active\n1\nvoicelive-speaker {__version__}\n2\nservice: {{local: true}}\n" in broken
    assert "\nconfig.yaml\n" in uninstalled


def test_a_running_speaker_is_restarted_by_the_packages_upgrade_and_keeps_its_key(guest: Guest) -> None:
    old, new = guest.take(OLD), guest.take(NEW)
    ran = guest.boot(
        f"""{PRELUDE}
dpkg -i {old}
! systemctl is-active voicelive-speaker
# As set-up leaves a person's sign-in before the first start: as root.
install -d -m 700 /var/lib/voicelive-speaker
install -m 600 /dev/null /var/lib/voicelive-speaker/entra-sign-in
{CONFIGURE}
stat -c 'signed in: %U' /var/lib/voicelive-speaker/entra-sign-in
running=$(systemctl show --value -p MainPID voicelive-speaker)
dpkg -i {new}
systemctl is-active voicelive-speaker
[ "$running" != "$(systemctl show --value -p MainPID voicelive-speaker)" ]
key_of
stat -c ' %U' "/proc/$(systemctl show --value -p MainPID voicelive-speaker)"
dpkg -P voicelive-speaker
! systemctl cat voicelive-speaker 2>/dev/null
echo "purged"
"""
    )
    assert ran.code == 0, ran.said
    assert "\nactive\nsecret-key-of-the-owner voicelive-speaker\n" in ran.said
    assert "\nsigned in: voicelive-speaker\n" in ran.said
    assert ran.said.endswith("purged\n")


def test_set_up_refuses_a_package_that_is_not_the_pinned_file(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    pins = tmp_path / "scripts" / "requirements" / "build.txt"
    pins.write_text(re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", pins.read_text()))
    offline = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS)}
    command = [str(tmp_path / "scripts" / "setup"), "--no-apt"]
    ran = subprocess.run(command, env=offline, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 1
    assert "setuptools" in ran.stderr
    assert "is not the file that scripts/requirements/ names" in ran.stderr
    assert not (tmp_path / ".venv" / ".setup").exists()
