"""Trains decoder models on the tasks of :mod:`experiments.tasks`.

One model: :mod:`experiments.training.trainer`; many tiny ones stacked: :mod:`experiments.training.ensemble`.
"""
