"""Memory that nobody needs any more goes back to the system, at moments when nobody waits."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Collect what only refers to itself, and return what is free; takes some milliseconds.

    Cancelled tasks keep a conversation, and all the sound in it, until the collector comes by: after hundreds of them.
    And glibc would keep what was needed once, for an import or for a long answer.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def keep_for_good() -> None:
    """Keep all objects there are out of the garbage collector's rounds; call it once, when all big imports are done.

    To go through the 50 000 objects of the SDK stops everything for 25 ms (measured on a PC), in a conversation.
    """
    give_back()
    gc.freeze()
