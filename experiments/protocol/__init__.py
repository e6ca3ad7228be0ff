"""A run of the two-party protocol as the command line shows it: JSON, terminal, HTML page."""
