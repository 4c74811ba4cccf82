"""Timers and alarms: when they are due, what is remembered of them over a restart, and that they ring."""
