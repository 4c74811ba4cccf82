"""Many speakers at once: on one MQTT broker, on one service with a quota, and after a power cut."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from collections.abc import Sequence

from scripts.benchmark.command_line import CannotMeasure, Parser, count_or_none, progress
from scripts.benchmark.fleet_mqtt import on_one_broker
from scripts.benchmark.fleet_power_cut import after_a_power_cut
from scripts.benchmark.fleet_quota import on_one_service

_JUST_BOOTED_S = 20


def main(argv: Sequence[str]) -> int:
    """Return the exit code."""
    parser = Parser("fleet", "Many speakers on one broker and on one service. 0 leaves a part out.")
    parser.add_argument("--speakers", type=count_or_none, default=200, metavar="N", help="MQTT clients (200)")
    parser.add_argument("--daemons", type=count_or_none, default=30, metavar="N", help="whole daemons (30)")
    parser.add_argument("--power-cut", type=count_or_none, default=500, metavar="N", help="simulated speakers (500)")
    options = parser.parse_args(argv)
    if options.daemons and time.clock_gettime(time.CLOCK_BOOTTIME) > 2 * _JUST_BOOTED_S:
        _boot_anew(argv)
    if options.speakers:
        print(asyncio.run(on_one_broker(options.speakers)), flush=True)
    if options.daemons:
        print(asyncio.run(on_one_service(options.daemons)), flush=True)
    if options.power_cut:
        print(after_a_power_cut(options.power_cut))
    progress("done")
    return 0


def _boot_anew(argv: Sequence[str]) -> None:
    """Run this again in a time namespace in which the machine was started 20 s ago. Raises CannotMeasure."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        raise CannotMeasure("a machine that was just started is simulated with unshare --time, as root; or --daemons 0")
    offset_s = _JUST_BOOTED_S - int(time.clock_gettime(time.CLOCK_BOOTTIME))
    again = [sys.executable, "-m", "scripts.benchmark", "fleet", *argv]
    sys.stdout.flush()
    os.execvp("unshare", ["unshare", "--time", "--boottime", str(offset_s), "--fork", *again])
