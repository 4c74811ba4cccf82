"""Languages: what the device says by itself, and how it says dates, times and spans. Pure but for its own data files."""
