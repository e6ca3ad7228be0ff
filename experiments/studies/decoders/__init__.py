"""What the studies of decoder models share: cells, choice of the learning rate, counts, panels, and what explains them.

A study gives its grid as :class:`~experiments.studies.decoders.setup.Setup`, how a model is judged on validation
examples, and what is measured of it on test examples; :func:`~experiments.studies.decoders.training.train_cells` does
the rest.
"""
