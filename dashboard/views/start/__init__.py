"""Pages that ask for no model and no protein: where one comes in, and where one learns."""
