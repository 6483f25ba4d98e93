"""What is measured while a run trains: written, read as it grows, thinned, and named."""
