"""``parrots plan``: a budget laid out as numbers of experts, from exact counts, statements and measurements."""
