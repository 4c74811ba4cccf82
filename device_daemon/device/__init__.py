"""The speaker between conversations: its state, what it is asked to do, and who may ask."""
