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
    ran = guest.boot(f"""{PRELUDE}
echo secret-key-of-the-owner | voicelive-speaker-set-key
systemctl start voicelive-speaker
status_of "systemd gives this service none"
voicelive-speaker doctor --json >/tmp/found || true
grep -o '"credential".*"failed"' /tmp/found || {{ cat /tmp/found; exit 1; }}
echo "--- by a file"
install -o voicelive-speaker -m 600 /dev/stdin /etc/voicelive-speaker/key <<<another-key-of-the-owner
echo "service: {{endpoint: https://kitchen.cognitiveservices.azure.com, api_key_file: /etc/voicelive-speaker/key}}" >{CONFIG}
systemctl restart voicelive-speaker
! voicelive-speaker status | grep "API key"
""")
    assert ran.code == 0, ran.said
    assert "service.api_key_file" in ran.said.split("--- ")[0]


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
