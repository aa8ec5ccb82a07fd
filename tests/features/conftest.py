"""The analyses are tried on a model in which every part moves the prediction."""

from tests.lively import clean, first, internal, lively

__all__ = ["clean", "first", "internal", "lively"]
