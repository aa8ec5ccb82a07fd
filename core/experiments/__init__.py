"""The papers' experiments over sets of proteins: `python -m core.experiments NAME`."""
