"""Parameters, bits, FLOPs and memory of every model: the only place that counts.

A FLOP count is that of the matrix products, two for each multiply and add; element-wise work (softmax, ReLU, gates,
adding a bias) is left out, as torch's own counter does.
"""

from theory.accounting.decoder import (
    DecoderParameters,
    FeedForward,
    decoder_flops,
    decoder_memory,
    decoder_parameters,
    decoder_training_flops,
)
from theory.accounting.language_model import (
    LanguageModel,
    TokenFlops,
    language_model_flops,
    language_model_parameters,
)
from theory.accounting.memoriser import (
    Stored,
    fixed_point_bits,
    memoriser_flops,
    memoriser_parameters,
    stored,
    trainable_memoriser_flops,
    trainable_memoriser_parameters,
)
from theory.accounting.mixing import mixing_attention_flops, mixing_table_flops, slots_table_flops
from theory.accounting.one_layer import (
    OneLayerShape,
    Parameters,
    parameters,
    table_flops,
    token_flops,
    training_flops,
)
from theory.accounting.soft_moe import perceptron_flops, soft_moe_flops, soft_moe_parameters

__all__ = [
    "DecoderParameters",
    "FeedForward",
    "LanguageModel",
    "OneLayerShape",
    "Parameters",
    "Stored",
    "TokenFlops",
    "decoder_flops",
    "decoder_memory",
    "decoder_parameters",
    "decoder_training_flops",
    "fixed_point_bits",
    "language_model_flops",
    "language_model_parameters",
    "memoriser_flops",
    "memoriser_parameters",
    "mixing_attention_flops",
    "mixing_table_flops",
    "parameters",
    "perceptron_flops",
    "slots_table_flops",
    "soft_moe_flops",
    "soft_moe_parameters",
    "stored",
    "table_flops",
    "token_flops",
    "trainable_memoriser_flops",
    "trainable_memoriser_parameters",
    "training_flops",
]
