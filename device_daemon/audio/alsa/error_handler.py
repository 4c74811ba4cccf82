"""alsa-lib's messages on stderr: kept out of the way of the programs that own stderr."""

from __future__ import annotations

import ctypes
import logging
from functools import cache
from typing import Any

logger = logging.getLogger(__name__)


@cache
def quieten() -> Any:
    """Have alsa-lib's messages logged at DEBUG rather than written to stderr: what matters comes as an error too.

    Once per process. The result is kept by the cache: alsa-lib calls it for as long as the process lives.
    """
    text, number = ctypes.c_char_p, ctypes.c_int
    handler = ctypes.CFUNCTYPE(None, text, number, text, number, text)(_log)
    try:
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(handler)
    except (OSError, AttributeError) as error:
        logger.debug("alsa-lib goes on writing to stderr: %s", error)
    return handler


def _log(_file: bytes | None, _line: int, function: bytes | None, _error: int, message: bytes | None) -> None:
    # The message is a printf format whose arguments cannot be had from here.
    logger.debug("alsa-lib: %r: %r", function, message)
