"""voicelive-speaker: a smart speaker for the Raspberry Pi that speaks first."""

__version__ = "0.2.0"
