"""The Azure Voice Live session: the only room that knows the SDK."""
