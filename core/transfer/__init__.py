"""Runs to other programs and machines: tables, TensorBoard, zips that import again."""
