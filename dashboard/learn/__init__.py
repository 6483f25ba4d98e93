"""The Learn page: lessons on the reader's own runs."""
