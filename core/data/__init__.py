"""Texts, their tokens, and the order in which a run reads them. Does not import torch."""
