"""Process surroundings: systemd, logs, paths, saved state, GPIO, clock."""
