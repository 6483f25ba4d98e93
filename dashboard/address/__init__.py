"""What stands in a page's address: parameters, what it gets wrong, the runs that it names."""
