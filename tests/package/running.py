"""The installed package under a running systemd: keys that are not available, waits that never end. Run by scripts/check-deb.

BASE is a folder with a small Debian, NEW the Debian package.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.package.guest import Guest

BASE, NEW = (Path(os.environ[name]) for name in ("BASE", "NEW"))

CONFIG = "/etc/voicelive-speaker/config.yaml"
CLOUD = "service: {endpoint: https://kitchen.cognitiveservices.azure.com}\n"
CLOUD_WITH_FILE = (
    "service: {endpoint: https://kitchen.cognitiveservices.azure.com, api_key_file: /etc/voicelive-speaker/key}"
)
PRELUDE = """
exec 2>&1
status_of() { for i in $(seq 100); do voicelive-speaker status | grep "$1" && return; sleep 0.2; done; voicelive-speaker status; return 1; }
"""


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """A Debian with this version, whose owner has an endpoint in Azure."""
    guest = Guest(tmp_path / "guest", BASE)
    guest.must(f"dpkg -i {guest.take(NEW)}")
    guest.write(CONFIG, CLOUD)
    return guest


def test_with_a_key_that_cannot_be_decrypted_any_more_the_speaker_starts_and_says_so(guest: Guest) -> None:
    ran = guest.boot(f"""{PRELUDE}
echo secret-key-of-the-owner | voicelive-speaker-set-key
systemctl start voicelive-speaker
cat /run/credentials/voicelive-speaker.service/api-key && echo
! ls /run/credentials/voicelive-speaker.service/api-key.problem 2>/dev/null
echo "--- copied to another machine"
systemd-id128 new >/etc/machine-id
systemctl restart voicelive-speaker
systemctl is-active voicelive-speaker
status_of "cannot be decrypted"
journalctl --merge -u voicelive-speaker -o cat | grep -c "cannot be decrypted.*voicelive-speaker-set-key"
echo "--- stored again"
echo another-key-of-the-owner | voicelive-speaker-set-key
cat /run/credentials/voicelive-speaker.service/api-key
""")
    assert ran.code == 0, ran.said
    _, copied, again = ran.said.split("--- ")
    assert "secret-key-of-the-owner\n" in ran.said
    assert "\nactive\n" in copied
    assert "secret-key" not in copied
    assert again.endswith("another-key-of-the-owner")


def test_an_encrypted_key_of_the_version_before_is_guarded_too(guest: Guest) -> None:
    drop_in = "/etc/systemd/system/voicelive-speaker.service.d/api-key.conf"
    guest.write(drop_in, "[Service]\nLoadCredentialEncrypted=api-key:voicelive-speaker.api-key\n")
    for _ in range(2):
        guest.must(f"dpkg -i {guest.take(NEW)}")
        assert guest.must(f"cat {drop_in}").endswith("api-key:voicelive-speaker.api-key.checked\n")


def test_where_credentials_are_taken_away_from_services_that_is_said(guest: Guest) -> None:
    # As the tools of LXC do it.
    guest.write("/etc/systemd/system/service.d/zzz-lxc-service.conf", "[Service]\nLoadCredential=\n")
    ran = guest.boot(
        f"""{PRELUDE}
echo secret-key-of-the-owner | voicelive-speaker-set-key
systemctl start voicelive-speaker
status_of "systemd gives this service none"
voicelive-speaker doctor | grep -A 5 "as the service  *FAILED"
echo "--- by a file"
install -o voicelive-speaker -m 600 /dev/stdin /etc/voicelive-speaker/key <another-key
echo "{CLOUD_WITH_FILE}" >{CONFIG}
systemctl restart voicelive-speaker
! voicelive-speaker status | grep "API key"
voicelive-speaker doctor | grep "as the service  *ok"
""".replace("<another-key", "<<EOF\nanother-key-of-the-owner\nEOF")
    )
    assert ran.code == 0, ran.said
    assert "service.api_key_file" in ran.said.split("--- ")[0]


def test_the_doctor_sees_what_the_service_cannot_read_though_root_can(guest: Guest) -> None:
    guest.write("/home/lisa/key", "secret-key-of-the-owner\n")
    guest.write("/etc/voicelive-speaker/key", "secret-key-of-the-owner\n")
    look = """voicelive-speaker doctor | sed -n "/as the service/,/->/p" | tr -s "\\n " " "; echo"""
    ran = guest.boot(f"""{PRELUDE}
chmod 600 /etc/voicelive-speaker/key
echo "{CLOUD_WITH_FILE}" >{CONFIG}
{look}
echo "{CLOUD_WITH_FILE.replace("/etc/voicelive-speaker", "/home/lisa")}" >{CONFIG}
{look}
echo secret-key-of-the-owner | voicelive-speaker-set-key
{look}
chmod 600 {CONFIG}
{look}
systemctl is-active voicelive-speaker
""")
    assert ran.code == 0, ran.said
    of_root, in_a_home, stored, config = [line for line in ran.said.splitlines() if line.startswith("as the service")]
    assert "FAILED" in of_root
    assert "/etc/voicelive-speaker/key: cannot read the API key: Permission denied" in of_root
    assert "FAILED" in in_a_home
    assert "/home/lisa/key" in in_a_home
    assert "ok its user can read config and credential" in stored
    assert "FAILED" in config
    assert CONFIG in config


def test_targets_that_are_never_reached_keep_nobody_waiting(guest: Guest) -> None:
    targets = "network-online.target time-sync.target sound.target nss-lookup.target remote-fs.target"
    guest.write(
        "/etc/systemd/system/never.service",
        f"[Unit]\nWants={targets}\nBefore={targets}\nDefaultDependencies=no\n[Service]\nType=oneshot\nExecStart=sleep infinity\n",
    )
    ran = guest.boot(f"""{PRELUDE}
systemctl start --no-block never.service
timeout 30 systemctl start voicelive-speaker
systemctl is-active network-online.target voicelive-speaker || true
""")
    assert ran.code == 0, ran.said
    assert ran.said.endswith("inactive\nactive\n"), ran.said


def test_after_an_upgrade_of_the_release_it_gives_up_and_says_what_to_install(guest: Guest) -> None:
    ran = guest.boot(f"""{PRELUDE}
systemctl stop voicelive-speaker
mv /usr/lib/voicelive-speaker/lib/python3.* /usr/lib/voicelive-speaker/lib/python3.9
! systemctl start voicelive-speaker
systemctl show -p ActiveState,ExecMainStatus voicelive-speaker
journalctl -u voicelive-speaker -o cat
! voicelive-speaker status
""")
    assert ran.code == 0, ran.said
    # Where it is tried again it is `activating`.
    assert "ExecMainStatus=78\nActiveState=failed\n" in ran.said
    assert ran.said.count("install the package that was built for this release") == 2, ran.said
    assert "Traceback" not in ran.said


def test_users_of_all_kinds_find_the_speaker_or_what_to_do(guest: Guest) -> None:
    guest.write(CONFIG, "service: {local: true}\n")
    ran = guest.boot(f"""{PRELUDE}
useradd --create-home pi
chmod 700 /home/pi
useradd --groups voicelive-speaker lisa
useradd stranger
mkdir /etc/systemd/system/voicelive-speaker.service.d
printf '[Service]\nUser=pi\n' >/etc/systemd/system/voicelive-speaker.service.d/override.conf
systemctl daemon-reload
systemctl restart voicelive-speaker
ps -o user= -p $(systemctl show --value -p MainPID voicelive-speaker)
journalctl -u voicelive-speaker -o cat
echo "--- as after su from another user"
install -d -m 700 -o pi /run/user/1000
runuser -u lisa -- env XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/pi voicelive-speaker status
echo "--- outside the group"
! runuser -u stranger -- voicelive-speaker status
""")
    assert ran.code == 0, ran.said
    service, su, stranger = ran.said.split("--- ")
    assert service.startswith("pi\n")
    assert "Traceback" not in ran.said
    assert "volume 80" in su
    assert "usermod -aG voicelive-speaker" in stranger


def test_a_system_call_that_the_sandbox_forbids_fails_and_kills_nobody(guest: Guest) -> None:
    # Without a time service of systemd's own the kernel is asked about the clock.
    ran = guest.boot(f"""{PRELUDE}
systemd-run --quiet --pipe --wait $(sed -n "s/^SystemCall/--property=&/p" /lib/systemd/system/voicelive-speaker.service) \\
  /usr/lib/voicelive-speaker/bin/python3 -c "from device_daemon.system import clock_sync; print(clock_sync.is_set())"
""")
    assert (ran.code, ran.said) == (0, "True\n")
