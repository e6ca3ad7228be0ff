"""Our token choice against MegaBlocks' own code: outputs and gradients, its grouped and its block-sparse execution.

On a CPU, with Triton's interpreter and the compiled operations in torch: ``make test-megablocks``.
"""

from __future__ import annotations

import os
from importlib.util import find_spec

import pytest
import torch

from parrots.decoder.routers.token_choice import TokenChoice, TokenChoiceLayer
from parrots.interop import megablocks as ours

if find_spec("megablocks") is None:
    pytest.skip("megablocks is not installed: make test-megablocks installs it", allow_module_level=True)
if os.environ.get("TRITON_INTERPRET") != "1":
    pytest.skip("TRITON_INTERPRET=1 is not set: make test-megablocks sets it", allow_module_level=True)

from tests.megablocks.torch_ops import install

install()


def layer(K: int, top_k: int, width: int, hidden: int) -> TokenChoiceLayer:
    torch.manual_seed(0)
    built = TokenChoice(experts=K, top_k=top_k).build(width, hidden)
    assert isinstance(built, TokenChoiceLayer)
    with torch.no_grad():
        for weight in built.parameters():
            weight.normal_(0.0, weight.shape[-1] ** -0.5)
    return built


def through_megablocks(mine: TokenChoiceLayer, execution: str) -> ours.MegaBlocksLayer:
    theirs = ours.MegaBlocksLayer.__new__(ours.MegaBlocksLayer)  # the checks of its __init__ want CUDA
    torch.nn.Module.__init__(theirs)
    with pytest.MonkeyPatch.context() as patch:
        plain = ours.arguments
        patch.setattr(ours, "arguments", lambda *given: executed_by(plain(*given), execution))
        theirs._build(mine, mine.experts)
    return theirs


def executed_by(arguments: object, execution: str) -> object:
    """``sparse`` set afterwards: MegaBlocks refuses it with a Triton as new as the one that interprets it here."""
    arguments.mlp_impl = execution  # type: ignore[attr-defined]
    return arguments


@pytest.mark.parametrize(
    ("execution", "K", "top_k", "width", "hidden"),
    [("grouped", 4, 2, 32, 48), ("grouped", 3, 1, 20, 44), ("grouped", 8, 3, 16, 16), ("sparse", 2, 2, 128, 128)],
)
def test_outputs_and_gradients_are_ours(execution: str, K: int, top_k: int, width: int, hidden: int) -> None:
    mine = layer(K, top_k, width, hidden)
    theirs = through_megablocks(mine, execution)
    x = torch.randn(2, 9, width)
    gradient = torch.randn_like(x)
    results = []
    for one in (mine, theirs):
        mine.router.zero_grad()
        rows = x.clone().requires_grad_()
        y, routing = one(rows)
        y.backward(gradient)
        results.append((y, rows.grad, mine.router.weight.grad.clone(), routing.taken_TK))
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)
    back = {name: getattr(theirs.experts.mlp, name).grad for name in ("w1", "v1", "w2")}
    gradients = ours.from_megablocks(back, K)
    torch.testing.assert_close(gradients.gate_up, mine.experts.gate_up.grad, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradients.down, mine.experts.down.grad, rtol=1e-5, atol=1e-5)


def test_its_own_mixture_with_our_weights_gives_our_output() -> None:
    """The whole dMoE, its router too, which norms gates by their sum."""
    from megablocks.layers.dmoe import dMoE

    mine = layer(4, 2, 16, 32)
    arguments = ours.arguments(mine.experts, 2)
    arguments.moe_normalize_expert_weights = 1
    theirs = dMoE(arguments).eval()
    weights = {f"experts.mlp.{name}": weight for name, weight in ours.to_megablocks(mine.experts).items()}
    theirs.load_state_dict(weights | {"router.layer.weight": mine.router.weight.detach()})
    x = torch.randn(2, 9, 16)
    torch.testing.assert_close(theirs(x), mine(x)[0], rtol=1e-5, atol=1e-5)
