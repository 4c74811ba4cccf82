"""Command line interface. Each command imports only what it needs."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from device_daemon import __version__
from device_daemon.errors import EX_CONFIG, EX_FAILURE, EX_UNAVAILABLE, EX_USAGE, ConfigError, SpeakerError
from device_daemon.system import paths

DESCRIPTION = "A smart speaker for the Raspberry Pi that speaks first, on Azure Voice Live."
EPILOG = f"""\
exit codes:
  0   done
  {EX_FAILURE}   it failed; the last line says why
  {EX_USAGE}  the command line is wrong
  {EX_UNAVAILABLE}  no speaker is running here, or a device is not there
  {EX_CONFIG}  the config file is wrong; each line says where and what is allowed
  doctor: the number of failures, at most 63

environment:
  AZURE_VOICELIVE_API_KEY     the key, where no systemd credential and no api_key_file holds it
  ALSA_CONFIG_PATH            another ALSA configuration, such as a simulated sound card
  GPIOZERO_PIN_FACTORY=mock   run without GPIO
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    try:
        args = _parser().parse_args(arguments)
    except SystemExit as stop:  # argparse says 2 for wrong usage
        return EX_USAGE if stop.code == 2 else int(stop.code or 0)
    try:
        return int(args.command(args))
    except ConfigError as error:
        print(error.report, file=sys.stderr)
        return error.exit_code
    except SpeakerError as error:
        print(f"voicelive-speaker: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return EX_FAILURE
    except BrokenPipeError:  # `voicelive-speaker doctor | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EX_FAILURE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "voicelive-speaker",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=partial(argparse.RawDescriptionHelpFormatter, max_help_position=18, width=110),
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"voicelive-speaker {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    run = commands.add_parser("run", help="be a speaker, in the foreground, until SIGTERM or Ctrl-C")
    _add_config(run)
    run.add_argument("--verbose", action="store_true", help="also log what is of use to developers only")
    run.set_defaults(command=_run)

    check = commands.add_parser("check-config", help="check the config file; all errors at once, with line and column")
    _add_config(check)
    check.set_defaults(command=_check_config)

    devices = commands.add_parser("devices", help="list sound devices by stable name, and which ones the config picks")
    _add_config(devices)
    devices.set_defaults(command=_devices)

    doctor = commands.add_parser("doctor", help="self-test of the device: what is wrong, and the command that fixes it")
    _add_config(doctor)
    doctor.add_argument("--json", action="store_true", help="for machines; asks nobody anything")
    doctor.add_argument(
        "--report", type=Path, metavar="FILE", help="also write an archive for support, without secrets"
    )
    doctor.set_defaults(command=_doctor)

    _add_controls(commands)

    local = commands.add_parser(
        "local-service", help="be a Voice Live service on this machine, which does not understand speech"
    )
    if "local-service" in sys.argv:  # its options need its modules, which no other command should wait for
        from device_daemon.localservice import main as local_service  # noqa: PLC0415

        local_service.add_arguments(local)
        local.set_defaults(command=local_service.main)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    default = paths.default_config(os.environ)
    parser.add_argument("--config", type=Path, metavar="FILE", default=default, help=f"the YAML file ({default})")


def _add_controls(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, words, text in (
        ("press", [], "press the button: start, interrupt, or end a conversation"),
        ("hold", [], "hold the button: mute, or unmute"),
        ("greet", ["NAME"], "open a conversation with that greeting of the config"),
        ("say", ["TEXT"], "make an announcement; with --listen, hear what somebody answers"),
        ("again", [], "say the last answer again"),
        ("stop", [], "end the conversation"),
        ("mute", ["on|off"], "close the microphone, also over restarts; or allow it again"),
        ("volume", ["N|+N|-N"], "set the volume, in per cent"),
        ("status", [], "show what the speaker does, and its counters and latencies"),
    ):
        control = commands.add_parser(name, help=text)
        control.add_argument("--socket", type=Path, help="the running speaker's control socket")
        for word in words:
            # Taken as they come: "-5" is a volume here, not an option.
            control.add_argument("words", metavar=word, nargs=argparse.REMAINDER if name == "volume" else "+")
        if name == "status":
            control.add_argument("--json", action="store_true", help="for machines: one line of JSON")
        if name == "say":
            control.add_argument("--listen", action="store_true", help="listen to the answer")
        control.set_defaults(command=_control, request=name, words=[], json=False, listen=False)


def _run(args: argparse.Namespace) -> int:
    from device_daemon.config.reader import load  # noqa: PLC0415
    from device_daemon.daemon import Daemon  # noqa: PLC0415
    from device_daemon.device.control_socket import Refused  # noqa: PLC0415
    from device_daemon.system import logs  # noqa: PLC0415

    logs.set_up(verbose=args.verbose)

    async def run() -> None:
        # Not held against the wake words that are installed: a speaker whose engine is missing still works by its
        # button, and shows what is wrong (Host.words_failed).
        await Daemon(partial(load, args.config), paths.folders(os.environ)).run()

    try:
        asyncio.run(run())
    except Refused as refused:
        print(f"voicelive-speaker: {refused}", file=sys.stderr)
        return EX_FAILURE
    return 0


def _check_config(args: argparse.Namespace) -> int:
    from device_daemon.config.reader import load  # noqa: PLC0415
    from device_daemon.triggers.wakeword_engine import installed  # noqa: PLC0415

    load(args.config, installed())
    print(f"{args.config}: ok")
    return 0


def _devices(args: argparse.Namespace) -> int:
    from device_daemon.audio import list_devices  # noqa: PLC0415

    print(list_devices.report(args.config))
    return 0


def _doctor(args: argparse.Namespace) -> int:
    from device_daemon.doctor import bundle, findings  # noqa: PLC0415
    from device_daemon.doctor.checklist import check_device, person_at_terminal  # noqa: PLC0415

    def tell(finding: findings.Finding) -> None:
        if not args.json:
            print(findings.as_text(finding), flush=True)

    outcome = asyncio.run(check_device(args.config, tell, person_at_terminal(wanted=not args.json)))
    print(findings.as_json(outcome.findings) if args.json else f"\n{findings.summary(outcome.findings)}")
    failures = findings.exit_code(outcome.findings)
    if args.report:
        try:
            bundle.write(args.report, args.config, outcome)
        except OSError as error:
            print(f"voicelive-speaker: {args.report}: cannot be written: {error.strerror or error}", file=sys.stderr)
            return failures or EX_FAILURE
        print(f"{args.report}: written, without keys; `tar -tzf {args.report}` lists what is in it", file=sys.stderr)
    return failures


def _control(args: argparse.Namespace) -> int:
    from device_daemon.device.control_socket import ask  # noqa: PLC0415

    options = [option for option in ("json", "listen") if getattr(args, option)]
    end_of_options = ["--"] if args.request == "say" else []  # a text may end in --listen and mean nothing by it
    line = " ".join([args.request, *(f"--{option}" for option in options), *end_of_options, *args.words])
    for path in [args.socket] if args.socket else paths.socket_candidates(os.environ):
        try:
            answer = ask(path, line)
        except (FileNotFoundError, ConnectionRefusedError):
            continue
        except OSError as error:
            print(f"voicelive-speaker: {path}: {error.strerror or 'no answer in time'}", file=sys.stderr)
            return EX_UNAVAILABLE
        refused = answer.startswith("error: ")
        print(answer.removeprefix("error: ").removeprefix("ok: "), file=sys.stderr if refused else sys.stdout)
        return EX_FAILURE if refused else 0
    print(
        "voicelive-speaker: no speaker is running here; start one with `systemctl start voicelive-speaker`"
        " or `voicelive-speaker run`",
        file=sys.stderr,
    )
    return EX_UNAVAILABLE
