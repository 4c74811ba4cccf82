"""scripts/demo: the speaker on a machine with nothing attached; see __main__."""
