"""Probe tasks for language models, written for lm-eval: paths of two edges, shortest paths, lookup in a phone-book.

Prompts are plain English; vertices and names are common words, so that no tokeniser splits one graph differently from
another.  Nothing here needs lm-eval.
"""
