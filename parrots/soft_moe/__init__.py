"""One Soft MoE layer with a linear read-out, trainable: what slots and experts can tell apart."""

from parrots.soft_moe.config import SoftMoeConfig
from parrots.soft_moe.layer import Mixed, layer_output, mix, predict, read_out
from parrots.soft_moe.model import SoftMoe, initial_parameters

__all__ = ["Mixed", "SoftMoe", "SoftMoeConfig", "initial_parameters", "layer_output", "mix", "predict", "read_out"]
