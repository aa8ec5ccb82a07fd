"""The start-codon paper's circuit on your protein."""
