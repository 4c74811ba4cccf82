"""Names of the tools that the model may call, as the service accepts them."""

from __future__ import annotations

import re
from typing import Final

TOOL_NAME: Final = r"^[A-Za-z0-9_-]{1,64}$"


def guess_tool_name(text: str) -> str:
    """Return the name that was probably meant: "Open the blinds" is open_the_blinds; "" if there is none."""
    return re.sub(r"[^a-z0-9_-]+", "_", text.lower()).strip("_")[:64]
