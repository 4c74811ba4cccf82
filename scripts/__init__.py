"""What runs in a checkout: the rig that stands in for hardware, the benchmark, the demonstration."""

from pathlib import Path
from typing import Final

REPOSITORY: Final = Path(__file__).parents[1]
"""The root of the checkout."""
