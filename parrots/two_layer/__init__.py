"""A two-layer transformer for star graphs: in layer 1 the edges attend to each other, in layer 2 the query reads them.

Tokens: one for each edge slot, 2r of them, and the query; N = 2r + 1.  An empty slot is masked: no token attends to it.
Both layers are softmax attention with residuals and no normalisation.  Layer 1 has no block (its attention can already
tell an edge whether its partner exists); after layer 2 the query passes an MLP with residual, then the read-out.

One set of weights, two executions: :mod:`parrots.two_layer.model` token by token, :mod:`parrots.two_layer.table` by
products with one table for all graphs, which is how :mod:`parrots.two_layer.ensemble` trains.
"""

from parrots.two_layer.built import built_parameters, built_width
from parrots.two_layer.config import TwoLayerConfig, matmul_flops, parameter_count
from parrots.two_layer.ensemble import TwoLayerEnsemble
from parrots.two_layer.initialise import initial_parameters
from parrots.two_layer.model import TwoLayerModel
from parrots.two_layer.table import SCORE_SPAN, score_span, two_layer_logits

__all__ = [
    "SCORE_SPAN",
    "TwoLayerConfig",
    "TwoLayerEnsemble",
    "TwoLayerModel",
    "built_parameters",
    "built_width",
    "initial_parameters",
    "matmul_flops",
    "parameter_count",
    "score_span",
    "two_layer_logits",
]
