"""What opens a conversation: button, control socket, and their kin."""
