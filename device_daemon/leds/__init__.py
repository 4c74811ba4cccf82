"""Lights: what each state looks like, and the kinds of light that show it."""
