"""Many daemons that start together, on one service: how many connections a minute they open."""

from __future__ import annotations

import asyncio
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from device_daemon.localservice.certificate import self_signed
from device_daemon.localservice.server import LocalService
from device_daemon.system.backoff import BOOT_SPREAD_S
from device_daemon.voicelive.quota import PER_MINUTE
from scripts.benchmark import process
from scripts.benchmark.command_line import progress
from scripts.benchmark.fleet_power_cut import most_in_a_minute
from scripts.rig.card import SimulatedCard
from scripts.rig.device import KEY, config_for, running

_ADDRESS: Final = "0.0.0.0"
_AFTER_S: Final = 30.0
_AT_ONCE: Final = 5
"""Daemons that start at the same time: more, and they take longer than the rig waits."""


async def on_one_service(number: int) -> str:
    """Return the report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificate = self_signed(folder, address=_ADDRESS)
        service = LocalService(key=KEY, certificate=certificate)
        await service.start()
        port = service.endpoint.rpartition(":")[2]
        config = config_for(f"wss://{_ADDRESS}:{port}", service={"ca_file": str(certificate.path)})
        opened: dict[int, float] = {}
        watching = asyncio.get_running_loop().create_task(_watch(service, opened))
        try:
            async with AsyncExitStack() as stack:
                began_s, devices = time.monotonic(), []
                for first in range(0, number, _AT_ONCE):
                    starting = [
                        running(folder / f"{each}", config, SimulatedCard(folder / f"card-{each}"))
                        for each in range(first, min(first + _AT_ONCE, number))
                    ]
                    devices += await asyncio.gather(*map(stack.enter_async_context, starting))
                    progress(f"{len(devices)} of {number} daemons run")
                started_s = time.monotonic() - began_s
                await asyncio.sleep(BOOT_SPREAD_S + _AFTER_S)
                memory_mib = sum(process.memory(device.process.pid).pss_mib for device in devices)
        finally:
            watching.cancel()
            await service.stop()
    opened_s = sorted(opened.values())
    first_s = opened_s[0]
    by_minute = [sum(60 * m <= at_s - first_s < 60 * (m + 1) for at_s in opened_s) for m in range(7)]
    return "\n".join(
        [
            f"{number} daemons of a machine that was just started, with empty caches, on one service",
            f"all were started within {started_s:.0f} s",
            f"connections: {len(opened_s)}; by minute: {by_minute}",
            f"worst minute: {most_in_a_minute(opened_s)} (the quota is {PER_MINUTE})",
            f"memory of all (PSS): {memory_mib:.0f} MiB, {memory_mib / number:.1f} each",
            "",
        ]
    )


async def _watch(service: LocalService, opened: dict[int, float]) -> None:
    """Note when each session was opened: the service's record keeps the last fifty."""
    while True:
        opened.update({session.number: session.opened_s for session in service.record.sessions})
        await asyncio.sleep(0.5)
