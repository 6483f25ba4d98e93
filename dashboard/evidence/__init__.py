"""The Evidence page: published claims, and what was measured of each."""
