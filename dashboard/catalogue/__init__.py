"""Runs as pages list them: one entry a run, and what it is called among the others."""
