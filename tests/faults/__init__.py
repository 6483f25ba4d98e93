"""A seeded campaign of faults: what is killed, damaged, filled up or stalled loses nothing."""
