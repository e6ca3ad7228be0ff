"""``parrots audit``: one model or several, as records and as tables."""
