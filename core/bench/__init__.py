"""How fast training is here: loops that take turns, what bounds them, and what watching costs."""
