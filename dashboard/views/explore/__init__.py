"""Explore: one protein, one model, edits, and everything that changes."""
