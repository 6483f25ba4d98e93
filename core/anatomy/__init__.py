"""Measured on a trained network."""
