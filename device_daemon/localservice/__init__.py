"""A Voice Live server that runs on this machine, for any client of the protocol: for demonstrations and tests.

It needs neither an Azure account nor a network. It follows the real service's order of events, fields, limits and
error codes as far as they are documented or recorded (the docstrings name the sources). It detects when somebody
speaks (VAD); it does not recognise words and has no model behind it: what it answers and calls comes from a YAML file
(`scripted_replies`), spoken by espeak-ng. It can be made to misbehave (`faults`).

Start it with `voicelive-speaker local-service`, or in a test with `server.LocalService`. The head of `session` shows
the way of a message in and of a response out; read that first.
"""
