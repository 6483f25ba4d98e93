"""What every page is made of: cards, what a run costs, units."""
