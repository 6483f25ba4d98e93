"""Is it learning, why, and what to try next: the rules and their words."""
