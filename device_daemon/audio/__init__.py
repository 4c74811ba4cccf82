"""Sound in and out: the cards, the buffers, the short sounds."""
