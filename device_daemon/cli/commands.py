"""The commands that need no running speaker. Each imports what it needs when it is called.

What that saves (processor time on a PC): 40 ms for the config loader and 40 ms for the daemon, so that `press` and `status`
start in half the time; 50 ms for the device list, 200 ms for the doctor and 300 ms for the local service, of every start.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import shutil
import sys
from functools import partial
from typing import TYPE_CHECKING

from device_daemon.errors import EX_FAILURE, EX_USAGE
from device_daemon.system import logs, paths

if TYPE_CHECKING:
    from device_daemon.doctor.findings import Finding


def run(args: argparse.Namespace) -> int:
    """`run`: the daemon, in the foreground."""
    from device_daemon.config.reader import load  # noqa: PLC0415 - see above
    from device_daemon.daemon import Daemon  # noqa: PLC0415
    from device_daemon.device.control_protocol import Refused  # noqa: PLC0415

    logs.set_up(verbose=args.verbose)
    sys.unraisablehook = logs.unraisable
    # A core holds the key, and what was said; nor do the programs that this one starts leave one.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    async def be_a_speaker() -> None:
        # Wake words that are not installed are no reason not to start: the button works, and the state shows the failure.
        await Daemon(partial(load, args.config), paths.folders(os.environ), config_path=args.config).run()

    try:
        asyncio.run(be_a_speaker())
    except Refused as refused:
        print(f"voicelive-speaker: {refused}", file=sys.stderr)
        return EX_FAILURE
    return 0


def check_config(args: argparse.Namespace) -> int:
    """`check-config`: raises ConfigError."""
    from device_daemon.config.key_file import key_file_warning  # noqa: PLC0415
    from device_daemon.config.reader import load  # noqa: PLC0415 - see above
    from device_daemon.greetings.variants import press_only  # noqa: PLC0415
    from device_daemon.triggers.wakeword_models import installed  # noqa: PLC0415

    path = args.file or args.config
    config = load(path, installed())
    if warning := key_file_warning(config.service):
        print(f"{warning[0]}; run: {warning[1]}", file=sys.stderr)
    if args.credentials:
        from device_daemon.voicelive.credentials import check_credentials  # noqa: PLC0415

        check_credentials(config.service, os.environ)
    print(f"{path}: ok")
    if names := press_only(config):
        print(
            f"note: while it comes from the cache only a press interrupts a greeting ({', '.join(names)}), since"
            " `audio.echo: service` cannot cancel sound that the service did not send; `cache: false` lets people talk over it"
        )
    return 0


def config(args: argparse.Namespace) -> int:
    """`config get KEY` and `config set KEY VALUE`. Raises ConfigError and WrongKeyPath."""
    import msgspec  # noqa: PLC0415 - see above

    from device_daemon.config.reader import load  # noqa: PLC0415
    from device_daemon.setup import config_file, key_path  # noqa: PLC0415 - and 60 ms for ruamel.yaml

    path = key_path.parse(args.key)
    if (args.action == "get") is (args.value is not None):
        print("voicelive-speaker: it is `config get KEY` or `config set KEY VALUE`", file=sys.stderr)
        return EX_USAGE
    if args.action == "set":
        print(config_file.set_value(args.config, path, args.value) or f"{args.config}: nothing to change")
        return 0
    value = key_path.look_up(msgspec.to_builtins(load(args.config)), path)
    print(value if isinstance(value, str) else msgspec.json.encode(value).decode())
    return 0


def backup(args: argparse.Namespace) -> int:
    """`backup ARCHIVE`: raises SpeakerError."""
    from device_daemon.setup import backup as archives  # noqa: PLC0415 - see above

    manifest = archives.make(args.archive, args.config, paths.folders_of(args.config, os.environ).state)
    print(f"{args.archive}: written, without keys")
    if manifest.credentials:
        print(f"not in it, but named: {', '.join(manifest.credentials)}")
    return 0


def restore(args: argparse.Namespace) -> int:
    """`restore ARCHIVE`: raises SpeakerError."""
    from device_daemon.device import control_client  # noqa: PLC0415 - see above
    from device_daemon.setup import backup as archives  # noqa: PLC0415

    folders = paths.folders_of(args.config, os.environ)
    if control_client.is_served(folders.socket):
        print(
            "voicelive-speaker: the speaker is running, and would overwrite its restored state; stop it first:"
            " sudo systemctl stop voicelive-speaker",
            file=sys.stderr,
        )
        return EX_FAILURE
    manifest, written = archives.restore(args.archive, args.config, folders.state)
    for path in written:
        print(f"{path}: restored")
    print(f"this was {manifest.hostname} on {manifest.made_at}, version {manifest.version}")
    for name in manifest.credentials:
        print(f"set again, if it is missing here: {name}")
    return 0


def devices(args: argparse.Namespace) -> int:
    """`devices`."""
    from device_daemon.audio import list_devices  # noqa: PLC0415 - see above

    print(list_devices.report(args.config))
    return 0


def doctor(args: argparse.Namespace) -> int:
    """`doctor`: the number of failures."""
    from device_daemon.doctor import bundle, findings  # noqa: PLC0415 - see above
    from device_daemon.doctor.checklist import check_device, person_at_terminal  # noqa: PLC0415

    def report(finding: Finding) -> None:
        if not args.json:
            print(findings.as_text(finding, shutil.get_terminal_size((findings.WIDTH, 0)).columns), flush=True)

    result = asyncio.run(check_device(args.config, report, person_at_terminal(wanted=not args.json)))
    print(findings.as_json(result.findings) if args.json else f"\n{findings.summary(result.findings)}")
    failures = findings.exit_code(result.findings)
    if args.report:
        try:
            bundle.write(args.report, args.config, result)
        except OSError as error:
            print(f"voicelive-speaker: {args.report}: cannot be written: {error.strerror or error}", file=sys.stderr)
            return failures or EX_FAILURE
        print(f"{args.report}: written, without keys; `tar -tzf {args.report}` lists its files", file=sys.stderr)
    return failures


def setup(args: argparse.Namespace) -> int:
    """`setup`: raises SpeakerError."""
    from device_daemon.setup import main  # noqa: PLC0415 - see above

    return main.main(args)


def local_service(args: argparse.Namespace) -> int:
    """`local-service`: until Ctrl-C."""
    from device_daemon.localservice import main  # noqa: PLC0415 - see above

    return main.main(args)
