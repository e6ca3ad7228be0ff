"""Decoder language models, dense and with every router: RMSNorm, RoPE, grouped-query attention, SwiGLU.

Shapes: ``B`` batch, ``N`` tokens, ``T = B N`` tokens of all sequences, ``D`` width, ``H`` heads, ``F`` hidden units of
an expert, ``K`` experts, ``E`` ensemble members.
"""

from parrots.decoder.config import DecoderConfig
from parrots.decoder.ensemble import DecoderEnsemble
from parrots.decoder.model import Decoder, Output

__all__ = ["Decoder", "DecoderConfig", "DecoderEnsemble", "Output"]
