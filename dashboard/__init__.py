"""The pages: they choose, have computed, draw and explain. No maths here."""
