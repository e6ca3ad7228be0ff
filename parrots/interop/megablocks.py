"""Token choice executed by MegaBlocks' dropless mixture (Gale et al. 2023), an optional backend for CUDA.

MegaBlocks keeps three matrices ``[K hidden, width]`` where we keep two stacks: ``w1`` and ``v1`` are the halves of
``gate_up``, ``w2`` is down.  We route; MegaBlocks sorts the tokens, runs the experts and adds up.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot, silu

from parrots.decoder.experts import Experts
from parrots.decoder.routers.router import RoutedFeedForward, Routing
from parrots.decoder.routers.token_choice import TokenChoiceLayer
from parrots.routing import route
from theory.errors import InputError

INSTALL = "pip install --no-build-isolation 'mixture-of-parrots[megablocks]'"


def to_megablocks(experts: Experts) -> dict[str, Tensor]:
    """``w1``, ``v1``, ``w2``, each ``[K hidden, width]`` and contiguous, of our experts' weights."""
    gate, up = experts.gate_up.detach().chunk(2, -1)
    return {
        "w1": gate.mT.flatten(0, 1).contiguous(),
        "v1": up.mT.flatten(0, 1).contiguous(),
        "w2": experts.down.detach().flatten(0, 1).clone(),
    }


def from_megablocks(weights: dict[str, Tensor], experts: int) -> Experts:
    """Inverse of :func:`to_megablocks` for ``experts`` experts; also for gradients under the same names.

    Raises:
        InputError: where a matrix is missing, of another shape than the others, or no whole number of experts.
    """
    shapes = {name: tuple(weights[name].shape) if name in weights else None for name in ("w1", "v1", "w2")}
    rows, width = shapes["w1"] if shapes["w1"] is not None and len(shapes["w1"]) == 2 else (0, 0)
    if not rows or set(shapes.values()) != {(rows, width)} or experts < 1 or rows % experts:
        raise InputError(
            f"MegaBlocks weights of shapes {shapes} for {experts} experts: give w1, v1 and w2, each "
            "[experts * hidden, width]."
        )
    w1, v1, w2 = (weights[name].detach().unflatten(0, (experts, -1)) for name in ("w1", "v1", "w2"))
    ours = Experts(experts, width, rows // experts).to(w1)
    with torch.no_grad():
        ours.gate_up.copy_(torch.cat((w1.mT, v1.mT), -1))
        ours.down.copy_(w2)
    return ours


def unusable() -> str | None:
    """Why MegaBlocks cannot run here, and what to do; None where it can."""
    missing = [name for name in ("megablocks", "megablocks_ops", "grouped_gemm") if find_spec(name) is None]
    if missing:
        return (
            f"MegaBlocks cannot run without {', '.join(missing)}: in an environment of its own, with a CUDA toolkit, "
            f"run {INSTALL}."
        )
    if not torch.cuda.is_available():
        return "MegaBlocks runs on CUDA only, and no CUDA device is visible: use the experts of this package."
    return None


class MegaBlocksLayer(RoutedFeedForward):
    """A dropless token-choice layer whose experts MegaBlocks runs; shares ``layer``'s router, copies its experts.

    The kernels of its grouped products take bfloat16 only, so the layer has to be in it.
    """

    bias: Tensor | None

    def __init__(self, layer: TokenChoiceLayer) -> None:
        """Raises :class:`theory.errors.InputError` where MegaBlocks cannot run, or cannot run ``layer``."""
        super().__init__()
        reason = unusable()
        if reason is not None:
            raise InputError(reason)
        experts = layer.experts
        if not isinstance(experts, Experts) or layer.settings.capacity is not None:
            raise InputError("MegaBlocks runs experts of one size and without capacity: use router token-choice so.")
        if experts.down[:, :, 0].numel() < 128:
            raise InputError("MegaBlocks wants 128 hidden units in all experts together: give more or larger ones.")
        if experts.down.dtype != torch.bfloat16:
            raise InputError(f"MegaBlocks runs bfloat16 here, not {experts.down.dtype}: give layer.to(torch.bfloat16).")
        self._build(layer, experts)

    def _build(self, layer: TokenChoiceLayer, experts: Experts) -> None:
        from megablocks.layers.dmoe import ParallelDroplessMLP

        self.settings, self.router = layer.settings, layer.router
        self.register_buffer("bias", layer.bias)
        self.experts = ParallelDroplessMLP(arguments(experts, layer.settings.top_k))
        self.experts.load_state_dict({f"mlp.{name}": weight for name, weight in to_megablocks(experts).items()})

    def forward(self, x: Tensor, ids: Tensor | None = None) -> tuple[Tensor, Routing]:
        """``x`` ``[batch, tokens, width]``."""
        settings = self.settings
        logits_TK = self.router(x.flatten(0, 1))
        routed = route(logits_TK, settings.top_k, renormalise=settings.renormalise, bias=self.bias)
        # Its forward would also append to a global list of losses that nobody empties.
        y_TD, _ = self.experts.forward_once(x, routed.gates.to(x.dtype), routed.experts)
        chosen_TK = one_hot(routed.experts, settings.experts).sum(-2).to(torch.bool)
        return y_TD.view_as(x), Routing(logits_TK, routed.probabilities, chosen_TK, chosen_TK)


def arguments(experts: Experts, top_k: int) -> Any:
    """MegaBlocks' settings for our experts: without its defaults of float16, biases and GELU."""
    from megablocks.layers.arguments import Arguments

    K, hidden, width = experts.down.shape
    return Arguments(
        hidden_size=width, ffn_hidden_size=hidden, moe_num_experts=K, moe_top_k=top_k, activation_fn=silu,
        mlp_type="glu", mlp_impl="grouped", bias=False, return_bias=False, fp16=False,
        bf16=experts.down.dtype == torch.bfloat16, device=experts.down.device,
    )  # fmt: skip
