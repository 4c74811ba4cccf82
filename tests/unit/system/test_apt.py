"""What apt's answer means; tests/integration/system/test_apt.py asks the real one."""

from __future__ import annotations

import pytest

from device_daemon.system.apt import Versions, versions_in

FROM_REPOSITORY = """\
voicelive-speaker:
  Installed: 0.2.0+deb12
  Candidate: 0.3.0+deb12
  Version table:
     0.3.0+deb12 500
        500 https://apt.example.com bookworm/main arm64 Packages
 *** 0.2.0+deb12 100
        100 /var/lib/dpkg/status
"""
BY_HAND = """\
voicelive-speaker:
  Installed: 0.2.0+deb12
  Candidate: 0.2.0+deb12
  Version table:
 *** 0.2.0+deb12 100
        100 /var/lib/dpkg/status
"""
NOT_INSTALLED = FROM_REPOSITORY.replace("Installed: 0.2.0+deb12", "Installed: (none)")


def test_what_a_repository_has_is_the_candidate() -> None:
    assert versions_in(FROM_REPOSITORY) == Versions("0.2.0+deb12", "0.3.0+deb12")


@pytest.mark.parametrize("policy", [BY_HAND, NOT_INSTALLED, "", "E: something else"])
def test_without_a_repository_or_a_package_there_is_nothing_to_report(policy: str) -> None:
    assert versions_in(policy) is None
