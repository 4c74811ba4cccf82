"""The Debian package, from the first installation to the purge. Run by scripts/check-deb, which builds what is needed.

BASE is a folder with a small Debian, NEW the package of this version, OLD the same made as the version before.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from device_daemon import __version__
from scripts import REPOSITORY
from tests.package.guest import Guest

BASE, NEW, OLD = (Path(os.environ[name]) for name in ("BASE", "NEW", "OLD"))

CONFIG = "/etc/voicelive-speaker/config.yaml"
OWNERS = "# mine\nservice: {local: true}\n"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """A Debian in which the package was never installed."""
    return Guest(tmp_path_factory.mktemp("fresh"), BASE)


@pytest.fixture(scope="module")
def old(fresh: Guest, tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """One with the version before."""
    guest = fresh.on_top(tmp_path_factory.mktemp("old"))
    guest.must(f"dpkg -i {guest.take(OLD)}")
    return guest


@pytest.fixture(scope="module")
def new(fresh: Guest, tmp_path_factory: pytest.TempPathFactory) -> Guest:
    """One with this version, installed by apt as the README says it."""
    guest = fresh.on_top(tmp_path_factory.mktemp("new"))
    package = guest.take(NEW)
    said = guest.must(f"apt-get install -y --no-install-recommends {package}")
    assert "put your endpoint" in said
    return guest


@pytest.fixture
def owned(new: Guest, tmp_path: Path) -> Guest:
    """One with this version whose owner has edited the config, given a key, and had conversations."""
    guest = new.on_top(tmp_path)
    guest.write(CONFIG, OWNERS)
    guest.must("printf 'secret-key-of-the-owner\\n' | voicelive-speaker-set-key")
    guest.must(
        "install -d -o voicelive-speaker /var/lib/voicelive-speaker && touch /var/lib/voicelive-speaker/memory.json"
    )
    return guest


def test_the_command_says_its_version(new: Guest) -> None:
    assert new.must("voicelive-speaker --version") == f"voicelive-speaker {__version__}\n"


def test_the_example_lies_in_the_owners_place_and_only_its_endpoint_has_to_be_replaced(
    new: Guest, tmp_path: Path
) -> None:
    guest = new.on_top(tmp_path)
    said = guest.must(f"! voicelive-speaker check-config {CONFIG} 2>&1")
    assert "the placeholder of an example" in said
    assert said.count(f"{CONFIG}:") == 1
    guest.must(f"sed -i s/my-resource/kitchen/ {CONFIG}")
    assert guest.must(f"voicelive-speaker check-config {CONFIG}") == f"{CONFIG}: ok\n"


def test_it_speaks_every_language_with_what_the_package_kept_of_babel(new: Guest) -> None:
    program = (
        "from typing import get_args; from device_daemon.language.language import language_for;"
        " from device_daemon.language.locales import Tag;"
        " print(all(language_for(tag).span(7200) for tag in get_args(Tag)))"
    )
    assert new.must(f'/usr/lib/voicelive-speaker/bin/python3 -c "{program}"') == "True\n"
    assert int(new.must("du -sk /usr/lib/voicelive-speaker/lib/python3*/site-packages/babel").split()[0]) < 8_000


def test_it_lists_what_it_brings_of_others_with_licences(new: Guest) -> None:
    place = "/usr/share/doc/voicelive-speaker"
    bill = json.loads(new.must(f"cat {place}/sbom.cdx.json"))
    named = {part["name"] for part in bill["components"]}
    brought = new.must("ls -d /usr/lib/voicelive-speaker/lib/python3*/site-packages/*.dist-info").splitlines()
    assert len(named) == len(brought) - 1  # our own
    assert {"azure-ai-voicelive", "babel", "numpy", "pyyaml"} <= named
    assert "numpy" in new.must(f"zcat -f {place}/third-party-licences.txt* | head -60")


def test_the_documents_come_with_the_package(new: Guest) -> None:
    new.must("test -s /usr/share/doc/voicelive-speaker/README.md -a -s /usr/share/doc/voicelive-speaker/docs/fleet.md")


def test_the_example_is_kept_beside_the_config(new: Guest) -> None:
    assert new.must(f"cmp {CONFIG} {CONFIG}.example && head -1 {CONFIG}").startswith(
        "# yaml-language-server: $schema=./schema"
    )
    new.must("test -s /etc/voicelive-speaker/schema.json")


def test_a_board_that_came_with_the_package_can_be_included(new: Guest, tmp_path: Path) -> None:
    guest = new.on_top(tmp_path)
    guest.write(CONFIG, f"{OWNERS}include: boards/respeaker-2mic.yaml\n")
    assert guest.must(f"voicelive-speaker check-config --config {CONFIG}") == f"{CONFIG}: ok\n"
    boards = guest.must("ls /usr/share/voicelive-speaker/boards").split()
    assert boards == sorted(board.name for board in (REPOSITORY / "config/boards").iterdir())


def test_manual_pages_and_completions_come_with_the_package(new: Guest) -> None:
    for path in (
        "man/man1/voicelive-speaker.1.gz",
        "man/man8/voicelive-speaker-set-key.8.gz",
        "bash-completion/completions/voicelive-speaker",
        "zsh/vendor-completions/_voicelive-speaker",
        "fish/vendor_completions.d/voicelive-speaker.fish",
    ):
        new.must(f"dpkg -L voicelive-speaker | grep -qx /usr/share/{path}")


def test_with_the_python_of_another_release_the_command_says_what_to_do(new: Guest, tmp_path: Path) -> None:
    guest = new.on_top(tmp_path)
    guest.must("mv /usr/lib/voicelive-speaker/lib/python3.* /usr/lib/voicelive-speaker/lib/python3.9")
    said = guest.must("voicelive-speaker run 2>&1; test $? = 78")
    assert "it was installed for python3.9" in said
    assert "install the package that was built for this release" in said


def test_all_modules_of_others_come_with_the_package(new: Guest) -> None:
    modules = "aiohttp, alsaaudio, azure.ai.voicelive.aio, azure.identity.aio, gpiozero, lgpio, msgspec, numpy, systemd.daemon, yaml"
    script = f"import {modules}; import numpy.random; assert 'site-packages' in numpy.__file__"
    new.must(f'cd /tmp && /usr/lib/voicelive-speaker/bin/python -c "{script}"')


def test_a_wake_word_can_be_listened_for(new: Guest) -> None:
    script = (
        "from device_daemon.config.settings import WakeWordTrigger; "
        "from device_daemon.triggers.wakeword_engines import Engines; "
        "Engines([WakeWordTrigger(word=each) for each in ('okay_nabu', 'stop')]).hear(bytes(3200))"
    )
    new.must(f'cd /tmp && /usr/lib/voicelive-speaker/bin/python -c "{script}"')


def test_the_local_voice_service_starts_in_the_packages_own_python(new: Guest) -> None:
    assert "--port" in new.must("voicelive-speaker local-service --help")


def test_the_service_need_not_compile_at_each_start(new: Guest) -> None:
    left = new.must(
        "cd /usr/lib/voicelive-speaker/lib/python3*/site-packages/device_daemon && "
        "for f in *.py; do ls __pycache__/${f%.py}.cpython-*.pyc >/dev/null 2>&1 || echo $f; done"
    )
    assert left == ""


def test_the_unit_is_right_and_enabled_but_waits_for_the_owner(new: Guest) -> None:
    assert new.must("systemd-analyze verify --man=no voicelive-speaker.service 2>&1") == ""
    assert new.must("systemctl is-enabled voicelive-speaker").strip() == "enabled"


def test_the_unit_finds_its_user_and_groups(new: Guest) -> None:
    unit = new.must("cat /lib/systemd/system/voicelive-speaker.service")
    assert "User=voicelive-speaker\n" in unit
    assert new.must("getent passwd voicelive-speaker").endswith(":/var/lib/voicelive-speaker:/usr/sbin/nologin\n")
    found = re.search(r"^SupplementaryGroups=(.*)$", unit, re.MULTILINE)
    assert found
    for group in ("voicelive-speaker", *found[1].split()):
        new.must(f"getent group {group}")


def test_nothing_of_the_building_machine_is_in_the_package(new: Guest) -> None:
    for path in ("/usr/lib/voicelive-speaker/pyvenv.cfg", "/usr/bin/voicelive-speaker"):
        assert "/tmp" not in new.must(f"cat {path}")
    assert new.run("find / -xdev -name direct_url.json | grep .").code == 1


def test_the_key_is_for_root_alone_and_shown_nowhere(new: Guest, tmp_path: Path) -> None:
    guest = new.on_top(tmp_path)
    said = guest.must("printf 'secret-key-of-the-owner\\n' | voicelive-speaker-set-key")
    assert "secret-key" not in said
    kept = re.search(r"/etc/credstore\S*api-key", said)
    assert kept
    assert guest.must(f"stat -c '%a %U' {kept[0]} $(dirname {kept[0]})") == "600 root\n700 root\n"
    assert guest.run(f"runuser -u voicelive-speaker -- cat {kept[0]}").code != 0
    if ".encrypted" in kept[0]:
        guest.must("grep LoadCredentialEncrypted=api-key: /etc/systemd/system/voicelive-speaker.service.d/api-key.conf")
        assert guest.run(f"grep -r secret-key {kept[0]}").code == 1
    assert guest.run(": | voicelive-speaker-set-key").code == 1


def test_an_upgrade_keeps_what_is_the_owners(old: Guest, tmp_path: Path) -> None:
    guest = old.on_top(tmp_path)
    guest.write(CONFIG, OWNERS)
    guest.must("systemctl disable voicelive-speaker 2>/dev/null")
    assert guest.must("voicelive-speaker --version") == "voicelive-speaker 0.0.9\n"
    said = guest.must(f"dpkg -i {guest.take(NEW)}")
    assert "put your endpoint" not in said
    assert guest.must("voicelive-speaker --version") == f"voicelive-speaker {__version__}\n"
    assert guest.must(f"cat {CONFIG}") == OWNERS
    assert guest.run("systemctl is-enabled voicelive-speaker").said.strip() == "disabled"


def test_an_upgrade_leaves_the_same_files_as_a_fresh_installation(old: Guest, new: Guest, tmp_path: Path) -> None:
    guest = old.on_top(tmp_path)
    guest.must(f"dpkg -i {guest.take(NEW)}")
    assert guest.files() ^ new.files() <= {"/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"}


def test_installing_it_again_changes_nothing(owned: Guest) -> None:
    before = owned.files()
    owned.must(f"dpkg -i {owned.take(NEW)}")
    assert owned.files() == before
    assert owned.must(f"cat {CONFIG}") == OWNERS


def test_a_removed_package_leaves_config_key_and_memory(owned: Guest) -> None:
    owned.must("dpkg -r voicelive-speaker")
    assert owned.must(f"cat {CONFIG}") == OWNERS
    owned.must("ls /etc/credstore*/voicelive-speaker.api-key && ls /var/lib/voicelive-speaker/memory.json")
    assert owned.run("ls -d /usr/lib/voicelive-speaker /usr/bin/voicelive-speaker*").said.count("No such file") == 2


def test_a_purged_package_leaves_nothing(owned: Guest, fresh: Guest) -> None:
    owned.must("dpkg -P voicelive-speaker")
    # Backups of the account files, and the key by which systemd encrypts all credentials of the machine.
    tools = {"/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-", "/var/lib/systemd/credential.secret"}
    assert owned.files() - fresh.files() <= tools
    assert fresh.files() - owned.files() == set()
    assert owned.run("getent passwd voicelive-speaker; getent group voicelive-speaker").said == ""
    folders = "ls -d /etc/voicelive-speaker /var/lib/voicelive-speaker /etc/credstore* /usr/lib/voicelive-speaker /usr/share/voicelive-speaker"
    assert owned.run(folders).said.count("No such file") == 5


def test_a_speaker_installed_from_source_is_not_shadowed_silently(fresh: Guest, tmp_path: Path) -> None:
    guest = fresh.on_top(tmp_path)
    guest.must("mkdir -p /opt/voicelive-speaker && touch /etc/systemd/system/voicelive-speaker.service")
    ran = guest.run(f"dpkg -i {guest.take(NEW)}")
    assert ran.code != 0
    assert "sudo /opt/voicelive-speaker/uninstall" in ran.said
