"""`python -m core.training.features`: the trainer of dictionaries."""
