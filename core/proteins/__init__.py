"""Sequences and structures: where proteins come from and what is known of them; no model is known here."""
