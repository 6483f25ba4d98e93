"""Starting runs from any page: one, its twin, a grid of them."""
