"""Nothing of the speaker can be reached over a network, and the key is not handed around."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from scripts.rig.device import KEY, Device
from tests.e2e.room import Room

_LISTEN = "0A"
"""A TCP socket that accepts connections, in /proc/net/tcp."""


def family(pid: int) -> Iterator[int]:
    """Yield a process and all that it started."""
    yield pid
    with suppress(OSError):  # one that speaks a notice comes and goes
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                yield from family(int(child))


def sockets(pid: int) -> set[str]:
    """Return the inodes of a process's sockets."""
    links = set()
    with suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                links.add(str(entry.readlink()))
    return {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:")}


def address(field: str) -> IPv4Address | IPv6Address:
    """Return the address in a field of /proc/net/tcp or tcp6: 32-bit words, each in this machine's (little) order."""
    digits = bytes.fromhex(field.partition(":")[0])
    network = b"".join(digits[at : at + 4][::-1] for at in range(0, len(digits), 4))
    return IPv4Address(network) if len(network) == 4 else IPv6Address(network)


def listens_at(device: Device) -> set[IPv4Address | IPv6Address]:
    """Return the addresses at which the daemon, or anything it started, accepts connections or datagrams."""
    own = set().union(*(sockets(pid) for pid in family(device.process.pid)))
    found = set()
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path("/proc/net", name).read_text().splitlines()[1:]:
            fields = line.split()
            accepts = fields[3] == _LISTEN or (name.startswith("udp") and fields[2].endswith(":0000"))
            if accepts and fields[9] in own:
                found.add(address(fields[1]))
    return found


async def test_the_speaker_listens_on_no_network(room: Room) -> None:
    async with room.speaker() as device:
        assert listens_at(device) == set()
        await device.press()
        await device.enters("listening")
        assert listens_at(device) == set()


async def test_the_local_service_listens_to_this_machine_alone(room: Room) -> None:
    async with room.speaker(service={"local": True}) as device:
        await device.press()
        await device.enters("listening")
        addresses = listens_at(device)
        assert addresses
        assert all(one.is_loopback for one in addresses), addresses


async def test_a_crash_leaves_no_core_that_would_hold_the_key(room: Room) -> None:
    async with room.speaker() as device:
        for pid in family(device.process.pid):
            assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)


async def test_the_key_is_on_no_command_line_and_in_no_status(room: Room) -> None:
    async with room.speaker() as device:
        await device.press()
        await device.enters("listening")
        for pid in family(device.process.pid):
            with suppress(OSError):
                assert KEY.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert KEY not in await device.ask("status")
        assert KEY not in await device.ask("status --json")
