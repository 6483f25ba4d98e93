"""What the page Runs is made of: its rows, sizes on disk, what is ticked and what is done to it."""
