"""The client's side of the control socket: one request and its answer, or a subscription to the events.

Apart from the server, so that `press` and `status` import neither asyncio nor the events for it. The protocol is in
`control_protocol`.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

SUBSCRIBE = "subscribe"
ANSWER_DEADLINE_S = 10.0
SAY_ANSWER_DEADLINE_S = 600.0
"""`say` is answered when it was said: five minutes for its turn, and then for the text."""


def ask(path: Path, line: str) -> str:
    """Make one request and return its answer. Raises OSError (nobody listens) or TimeoutError."""
    with _connected(path, line) as connection:
        if line.split(maxsplit=1)[:1] == ["say"]:
            connection.settimeout(SAY_ANSWER_DEADLINE_S)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := connection.recv(65_536):
                answer += chunk
    if not answer:
        raise ConnectionAbortedError(errno.ECONNABORTED, "the speaker closed the connection without an answer")
    return answer.decode("utf-8", errors="replace").rstrip("\n")


def follow(path: Path) -> Iterator[str]:
    """Subscribe: yield each line as it comes, until the speaker stops. Raises OSError."""
    with _connected(path, SUBSCRIBE) as connection:
        connection.settimeout(None)
        with connection.makefile(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                yield line.rstrip("\n")


def is_served(path: Path) -> bool:
    """Whether a speaker listens on the socket."""
    with socket.socket(socket.AF_UNIX) as connection, contextlib.suppress(OSError):
        connection.settimeout(ANSWER_DEADLINE_S)
        connection.connect(str(path))
        return True
    return False


@contextlib.contextmanager
def _connected(path: Path, line: str) -> Iterator[socket.socket]:
    """A connection on which a request was sent."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_DEADLINE_S)
        connection.connect(str(path))
        # A client that is refused before its request was read finds the connection closed, with the reason in it.
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(f"{' '.join(line.split())}\n".encode())
            connection.shutdown(socket.SHUT_WR)
        yield connection
