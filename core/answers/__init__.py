"""A question of the start-codon paper a file: measured on one protein, pooled over a set, beside the paper's values.

Pages and reports take their answers from here, so that both say the same.
"""
