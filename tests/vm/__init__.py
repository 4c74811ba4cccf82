"""What runs in the virtual machine of scripts/vm-test: standard library only, as root, under a real systemd."""
