"""What attention patterns say of heads: their file form and their scores. Numpy alone."""
