"""Acoustic echo: what the loudspeaker played (reference), cancelling it on the device, and which way is used (modes)."""
