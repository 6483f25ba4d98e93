"""The browser's side of the lab. Never imports torch."""
