"""What is said first: resolving, expanding and caching greetings."""
