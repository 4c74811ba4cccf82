"""The doctor's look from the service's sandbox: which settings the child gets, and what becomes of its answer."""

from __future__ import annotations

from pathlib import Path

from device_daemon.doctor.findings import Finding, Status
from device_daemon.doctor.programs import ProgramResult
from device_daemon.doctor.service_view import check_as_service, service_assignments

CONFIG = Path("/etc/voicelive-speaker/config.yaml")
UNIT = """# /lib/systemd/system/voicelive-speaker.service
[Unit]
Description=a speaker
[Service]
# ProtectHome=no
ExecStart=/usr/bin/voicelive-speaker run \\
  --config /etc/voicelive-speaker/config.yaml
RuntimeDirectory=voicelive-speaker
ProtectHome=yes
Environment="A=b c" D=e=f
LoadCredential=api-key:voicelive-speaker.api-key

# /etc/systemd/system/voicelive-speaker.service.d/override.conf
[Service]
LoadCredential=
User = pi
[Install]
WantedBy=multi-user.target
"""


class Programs:
    """Stands for systemctl and systemd-run."""

    def __init__(self, child: ProgramResult, unit: str = UNIT) -> None:
        self.child = child
        self.unit = unit
        self.commands: list[tuple[str, ...]] = []

    def __call__(self, *command: str) -> ProgramResult:
        self.commands.append(command)
        return ProgramResult(0, self.unit, "") if command[0] == "systemctl" else self.child


async def look(programs: Programs, config: Path = CONFIG) -> Finding:
    (finding,) = [finding async for finding in check_as_service("voicelive-speaker.service", config, programs)]
    return finding


def test_drop_ins_count_after_the_unit_and_comments_do_not_count() -> None:
    assert service_assignments(UNIT) == [
        ("ExecStart", "/usr/bin/voicelive-speaker run    --config /etc/voicelive-speaker/config.yaml"),
        ("RuntimeDirectory", "voicelive-speaker"),
        ("ProtectHome", "yes"),
        ("Environment", '"A=b c" D=e=f'),
        ("LoadCredential", "api-key:voicelive-speaker.api-key"),
        ("LoadCredential", ""),
        ("User", "pi"),
    ]


async def test_the_child_has_the_users_sandbox_and_leaves_the_services_folder_alone() -> None:
    programs = Programs(ProgramResult(0, "", ""))
    assert (await look(programs)).status is Status.OK
    child = programs.commands[-1]
    assert [argument for argument in child if argument.startswith("--property=")] == [
        "--property=ProtectHome=yes",
        '--property=Environment="A=b c" D=e=f',
        "--property=LoadCredential=api-key:voicelive-speaker.api-key",
        "--property=LoadCredential=",
        "--property=User=pi",
    ]
    assert child[-4:] == ("/usr/bin/voicelive-speaker", "check-config", "--credentials", f"--config={CONFIG}")


async def test_what_the_service_cannot_read_is_a_failure_in_its_own_words() -> None:
    finding = await look(Programs(ProgramResult(1, "", "voicelive-speaker: /home/pi/key: cannot read the API key.\n")))
    assert finding.status is Status.FAILED
    assert finding.what.endswith("/home/pi/key: cannot read the API key.")


async def test_where_systemd_runs_nothing_for_it_the_service_is_not_blamed() -> None:
    finding = await look(Programs(ProgramResult(1, "", "Failed to connect to bus: No such file or directory\n")))
    assert finding.status is Status.SKIPPED
    assert "connect to bus" in finding.what


async def test_a_config_that_is_not_the_services_is_not_blamed_on_it() -> None:
    programs = Programs(ProgramResult(1, "", ""))
    finding = await look(programs, Path("/tmp/other.yaml"))
    assert finding.status is Status.SKIPPED
    assert str(CONFIG) in finding.remedy
    assert [command[0] for command in programs.commands] == ["systemctl"]


async def test_a_unit_that_starts_something_else_is_not_checked() -> None:
    finding = await look(Programs(ProgramResult(0, "", ""), "[Service]\nExecStart=/usr/bin/true\n"))
    assert finding.status is Status.SKIPPED
