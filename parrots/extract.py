"""From a one-layer torch model to plain arrays (:class:`theory.table.OneLayerTable`), in float64."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from parrots.attention import contributions, token_table
from parrots.model import OneLayerModel
from theory.table import Block, OneLayerTable


def extract(model: OneLayerModel) -> OneLayerTable:
    """The table of ``model``.  Weights are taken as they are and the arithmetic from here on is float64.

    p-bit codes are those of the model itself: they are decided in the model's own precision, then taken as integers.
    """
    config, weights = model.config, model.weights()
    with torch.no_grad():
        own = token_table(weights, config)
        # The codes of a quantised model are final; a float model's products are taken again in float64.
        table = own if own.grid is not None else token_table({k: v.double() for k, v in weights.items()}, config)
        parts = contributions(table, config)
    D = config.width
    offset = np.zeros(D) if table.grid is None else _array(table.grid.offset).reshape(D)
    scale = np.ones(D) if table.grid is None else _array(table.grid.scale).reshape(D)
    return OneLayerTable(
        edges_2rC=_array(parts.edges),
        null_C=_array(parts.null),
        query_C=_array(parts.query),
        edge_slots=config.edge_slots,
        heads=config.heads,
        uniform=config.attention == "uniform",
        offset_D=offset,
        scale_D=scale,
        mix_DM=config.tokens * _array(weights["w_out"]),
        residual_M=_array(weights["query"]),
        block=_block(weights, config.top_k),
        message_levels=None if config.message_bits is None else 2**config.message_bits,
    )


def _block(weights: dict[str, Tensor], top_k: int) -> Block:
    readout = _array(weights["readout"])
    return Block(
        inner_KMF=_array(weights["inner"]),
        inner_bias_KF=_array(weights["inner_bias"]),
        folded_KF=_array(weights["outer"]) @ readout,
        constant_K=_array(weights["outer_bias"]) @ readout,
        readout_M=readout,
        router_MK=_array(weights["router"]) if "router" in weights else None,
        router_bias_K=_array(weights["router_bias"]) if "router_bias" in weights else None,
        top_k=top_k,
    )


def _array(tensor: Tensor) -> NDArray[np.float64]:
    return tensor.detach().cpu().double().numpy()
