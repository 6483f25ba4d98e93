"""Real models: those of `transformers` and GGUF files become runs, runs become theirs.

Without torch: tensors go from file to file one by one, as numpy has them. No code of a model is
run and no pickle is read.
"""
