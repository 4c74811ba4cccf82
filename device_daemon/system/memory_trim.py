"""Returns unused memory to the system (gc, malloc_trim), at moments when nobody waits."""

from __future__ import annotations

import ctypes
import gc


def give_back() -> None:
    """Collect reference cycles and return free memory to the system; takes some milliseconds.

    A cancelled task keeps a conversation, and all the sound in it, alive until the next collection, which may be
    hundreds of conversations away; and glibc keeps free memory of a long answer or an import.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def keep_for_good() -> None:
    """Keep all objects there are out of the garbage collector's rounds; call it once, when all big imports are done.

    To go through the 50 000 objects of the SDK stops everything for 25 ms (measured on a PC), in a conversation.
    """
    give_back()
    gc.freeze()
