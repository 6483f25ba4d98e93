"""The runs of a folder: what is said of each, which are listed, grouped, and how they differ."""
