"""What a person sets: the sidebar's question, edits, heads, sets of proteins."""
