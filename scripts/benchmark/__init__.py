"""The benchmark, `scripts/bench`: what the daemon costs and how fast it is, next to Microsoft's own quickstart.

The daemon is a process of its own, as shipped. Card and service are simulated and their clocks are the daemon's
(CLOCK_MONOTONIC), so a figure is the daemon's own: from an edge on the pin, or a message leaving the service, to a
sample on the card.
"""
