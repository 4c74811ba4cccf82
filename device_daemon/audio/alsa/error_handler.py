"""alsa-lib's messages: kept off stderr, formatted, logged at DEBUG, and at hand where an error has to be explained."""

from __future__ import annotations

import ctypes
import logging
import threading
from ctypes import c_char_p, c_int, c_void_p
from functools import cache
from typing import Any, Final

logger = logging.getLogger(__name__)

_LONGEST_BYTES: Final = 500
_MOST_MESSAGES: Final = 20
_said = threading.local()


def quieten() -> None:
    """Have alsa-lib's messages logged rather than written to stderr; in each thread that calls alsa-lib. Idempotent."""
    if not hasattr(_said, "messages"):
        _said.messages = []
        if handler := _handler():
            handler.library.snd_lib_error_set_local(handler.callback)


def forget_messages() -> None:
    """Forget what alsa-lib said in this thread."""
    quieten()
    _said.messages.clear()


def messages() -> list[str]:
    """What alsa-lib said in this thread since `forget_messages`, each once, in order."""
    return list(dict.fromkeys(getattr(_said, "messages", ())))


class _Handler:
    """The callback that alsa-lib is given, and what it needs; kept for as long as the process lives."""

    def __init__(self) -> None:
        self.library = ctypes.CDLL("libasound.so.2")
        self._vsnprintf = ctypes.CDLL(None).vsnprintf
        self._vsnprintf.argtypes = (c_char_p, ctypes.c_size_t, c_char_p, c_void_p)
        # snd_local_error_handler_t. Its va_list is passed as one pointer on x86-64, aarch64 and armhf.
        handler = ctypes.CFUNCTYPE(None, c_char_p, c_int, c_char_p, c_int, c_char_p, c_void_p)
        self.callback = handler(self._log)
        self.library.snd_lib_error_set_local.argtypes = (handler,)
        self.library.snd_lib_error_set_local.restype = c_void_p

    def _log(self, _file: bytes, _line: int, function: bytes, _error: int, text: bytes, arguments: int) -> None:
        formatted = ctypes.create_string_buffer(_LONGEST_BYTES)
        self._vsnprintf(formatted, _LONGEST_BYTES, text, arguments)
        message = formatted.value.decode(errors="replace").strip()
        logger.debug("alsa-lib: %s: %s", (function or b"").decode(errors="replace"), message)
        if len(_said.messages) < _MOST_MESSAGES:
            _said.messages.append(message)


@cache
def _handler() -> Any:
    try:
        return _Handler()
    except (OSError, AttributeError) as error:
        logger.debug("alsa-lib goes on writing to stderr: %s", error)
        return None
