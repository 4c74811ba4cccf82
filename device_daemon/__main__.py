"""`python -m device_daemon` is the command line."""

from device_daemon.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
