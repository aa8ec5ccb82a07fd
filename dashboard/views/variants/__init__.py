"""Variants: what the model says of every substitution, and whether that is evidence."""
