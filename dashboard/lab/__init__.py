"""The Lab: its switches, what it shows, and what its buttons do."""
