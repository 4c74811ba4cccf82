"""Sets the virtual machine up as a Raspberry Pi with its network and its room, runs the checks, writes the table."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.vm import unit
from tests.vm.board import Board
from tests.vm.conversation import Conversation
from tests.vm.installation import Installation
from tests.vm.room import Room
from tests.vm.sharing import Sharing
from tests.vm.speaker import OUT, Speaker
from tests.vm.table import Table
from tests.vm.trouble import Trouble

# An endpoint without TLS is allowed on this machine only, so one is made here: it leads to the host's local service.
_RELAY = {
    "relay.socket": "[Socket]\nListenStream=127.0.0.1:8765\n",
    "relay.service": "[Service]\nExecStart=/usr/lib/systemd/systemd-socket-proxyd 10.0.2.100:8765\n",
}


FIRST = ("the package installs", "starts, and is READY when armed")


def main(only: str) -> int:
    """Run the checks with one of the lines of `only` in their names, and those they need; return how many failed."""
    wanted = only.splitlines() or [""]
    unit.run("modprobe", "virtio_net")
    unit.until("the network card", _network_cards, 30)
    unit.run("udevadm", "settle")  # it is given another name a moment later
    card = _network_cards()[0]
    unit.run("ip", "link", "set", card, "up")
    unit.run("ip", "address", "add", "10.0.2.15/24", "dev", card)
    for name, text in _RELAY.items():
        Path("/run/systemd/system", name).write_text(text)
    board = Board()
    unit.run("systemctl", "daemon-reload")
    unit.run("systemctl", "start", "relay.socket")
    table = Table(OUT)
    with Room() as room:
        speaker = Speaker(board, room)
        groups = (Installation, Conversation, Sharing, Trouble)
        for name, check in (check for group in groups for check in group(speaker).in_order()):
            if name in FIRST or any(part in name for part in wanted):
                table.check(name, check)
    return table.failures


def _network_cards() -> list[str]:
    return [path.name for path in Path("/sys/class/net").iterdir() if path.name != "lo"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
