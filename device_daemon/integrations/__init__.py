"""What other programs get of the speaker without asking: a metrics file, a program for each event, MQTT."""
