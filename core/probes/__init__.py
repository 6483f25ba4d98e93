"""Measured while training. Nothing here draws random numbers or changes what is trained."""
