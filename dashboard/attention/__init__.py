"""The Attention page: its choices."""
