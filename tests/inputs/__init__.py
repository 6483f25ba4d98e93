"""More than 5,000 inputs of every kind: each is taken, or refused with one sentence.

Always the same ones, so that a red run is red again; `INPUTS=10 make inputs` tries others, ten
times as many.
"""
