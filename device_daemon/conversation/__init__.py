"""One conversation: the pure rules (dialogue) and the parts that carry them out."""
