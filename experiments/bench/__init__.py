"""Benchmarks: ratios against what a user would use instead, measured side by side in one run."""
