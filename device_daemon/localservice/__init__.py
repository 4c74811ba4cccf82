"""A Voice Live service on this machine, for the developer with no Azure account and for the tests.

It keeps the real service's order of events, fields and rules, hears when somebody speaks, and answers from a
small YAML file with a voice by espeak-ng. It does not understand speech, and says so.

Read in this order: `session` and `answers` (the rules of one session, without I/O), `responses` (the chain of one
answer's events), `turns` (who speaks when), `connection` (one WebSocket), `server` (the handshake), `faults` (how it can
be made to misbehave).
"""
