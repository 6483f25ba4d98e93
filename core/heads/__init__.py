"""Attention patterns: their file format and the scores of heads. Needs numpy only."""
