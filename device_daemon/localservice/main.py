"""`voicelive-speaker local-service`: the local service as a program of its own, for any client."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from device_daemon.errors import SpeakerError
from device_daemon.localservice import faults as fault_switches
from device_daemon.localservice.faults import Faults
from device_daemon.localservice.scripted_replies import Replies
from device_daemon.localservice.server import LocalService
from device_daemon.system import logs

if TYPE_CHECKING:
    from device_daemon.localservice.certificate import Certificate

DEFAULT_PORT = 8765
_READ_BYTES = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    names = ", ".join(Faults.__struct_fields__)
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port on 127.0.0.1; 0: any that is free")
    parser.add_argument("--key", help="the API key that clients must send; without it any key is accepted")
    parser.add_argument("--token", help="the bearer token that clients may send instead of the key")
    parser.add_argument("--replies", type=Path, metavar="FILE", help="your own scripted replies, as in replies.yaml")
    parser.add_argument(
        "--tls", action="store_true", help="serve wss:// with a self-signed certificate, whose file is printed"
    )
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[=VALUE]",
        help=f"inject a fault or change the pace; may be given several times. NAME is one of {names}",
    )
    parser.add_argument("--admin", action="store_true", help="offer /admin/record, /admin/audio/N and /admin/faults")
    parser.add_argument(
        "--until-stdin-closes", action="store_true", help="stop when standard input ends: for a parent process"
    )


def main(args: argparse.Namespace) -> int:
    """Run until Ctrl-C or SIGTERM and return the exit code."""
    logs.set_up(verbose=False)
    try:
        with contextlib.ExitStack() as files:
            folder = files.enter_context(tempfile.TemporaryDirectory(prefix="voicelive-")) if args.tls else None
            service = LocalService(
                port=args.port,
                key=args.key,
                token=args.token,
                faults=fault_switches.parse(args.fault),
                replies=Replies.load(args.replies),
                certificate=_certificate(Path(folder)) if folder else None,
                record=args.admin,
                with_admin=args.admin,
            )
            asyncio.run(serve(service, until_stdin_closes=args.until_stdin_closes))
    except SpeakerError as error:
        sys.stderr.write(f"{error.message}\n")
        return error.exit_code
    return 0


async def serve(service: LocalService, *, until_stdin_closes: bool = False) -> None:
    """Serve until SIGINT, SIGTERM, or the end of standard input. Prints one line with the endpoint when it listens."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_closes:
        loop.add_reader(sys.stdin.fileno(), _read_stdin, stop)
    await service.start()
    try:
        line = f"voicelive-speaker local-service: listening on {service.endpoint} (does not understand speech; "
        line += "Ctrl-C stops it)\n"
        sys.stdout.write(line)
        sys.stdout.flush()
        await stop.wait()
    finally:
        await service.stop()
        if until_stdin_closes:
            loop.remove_reader(sys.stdin.fileno())


def _certificate(folder: Path) -> Certificate:
    from device_daemon.localservice.certificate import self_signed  # noqa: PLC0415 - cryptography takes 160 ms

    certificate = self_signed(folder)
    sys.stdout.write(f"voicelive-speaker local-service: clients have to trust SSL_CERT_FILE={certificate.path}\n")
    return certificate


def _read_stdin(stop: asyncio.Event) -> None:
    """Notice the end of standard input; what is written to it is ignored."""
    with contextlib.suppress(BlockingIOError):
        if not os.read(sys.stdin.fileno(), _READ_BYTES):
            stop.set()
