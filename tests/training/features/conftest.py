"""The model in which every part moves the prediction."""

from tests.lively import lively

__all__ = ["lively"]
