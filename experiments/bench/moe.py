"""A decoder layer with experts against transformers' Mixtral layer with the same weights: seconds forward and backward.

Every side gets the same tokens and the same gradient of its output, in alternating rounds; before any is timed, its
output and the gradient of the tokens are compared with those of Mixtral written as a loop over experts.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from parrots.decoder.config import DecoderConfig
from parrots.decoder.layer import DecoderLayer
from parrots.decoder.rotary import Rotation, rotation
from parrots.decoder.routers.token_choice import TokenChoice, TokenChoiceLayer
from parrots.interop.megablocks import MegaBlocksLayer, unusable
from theory.errors import InputError

SIZES = ((256, 8), (256, 64), (32, 8))
"""(width, experts); top-2 of experts as wide as the layer, as in the paper."""
HEAD = ("width", "experts", "side", "fwd + bwd [ms]", "ours is x times as fast", "ours compiled")
BATCH, TOKENS, HEADS = 8, 256, 8
ROUNDS = 12
LARGEST_DIFFERENCE = 1e-4
"""Between outputs or gradients of two sides; about ten times what rounding in float32 makes of them."""


@dataclass(frozen=True)
class Seconds:
    """Best of the rounds of each side, by name."""

    width: int
    experts: int
    device: str
    sides: dict[str, float]
    difference: float
    """The largest between any side and Mixtral's loop, of outputs and of gradients of the tokens."""

    def ratio(self, side: str, ours: str = "ours") -> float:
        """How many times as fast ``ours`` is."""
        return self.sides[side] / self.sides[ours]

    def cells(self) -> tuple[str, ...]:
        """A row under :data:`HEAD`, a line for each side."""
        rows = [
            (f"{1e3 * seconds:.2f}", f"{self.ratio(side):.2f}", f"{self.ratio(side, 'ours compiled'):.2f}")
            for side, seconds in self.sides.items()
        ]
        columns = ["\n".join(column) for column in (self.sides, *zip(*rows, strict=True))]
        return (str(self.width), str(self.experts), *columns)

    def to_json(self) -> dict[str, object]:
        return {
            "width": self.width, "experts": self.experts, "device": self.device, "seconds": self.sides,
            "ratios": {side: self.ratio(side) for side in self.sides},
            "compiled_ratios": {side: self.ratio(side, "ours compiled") for side in self.sides},
            "largest_difference": self.difference,
        }  # fmt: skip


Step = Callable[[], tuple[Tensor, Tensor]]
"""One pass forward and backward: the output and the gradient of the tokens."""


def measure(width: int, experts: int, rounds: int = ROUNDS) -> Seconds:
    """Best of ``rounds`` alternating rounds, on a GPU where there is one.

    Raises:
        InputError: without transformers, and where two sides differ by more than rounding.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    sides = _sides(width, experts, device)
    difference = _largest_difference({name: step() for name, step in sides.items()})
    if difference > LARGEST_DIFFERENCE:
        raise InputError(
            f"the sides differ by {difference:.1e} at width {width} with {experts} experts, more than rounding: check "
            "the versions of torch and transformers."
        )
    fastest = dict.fromkeys(sides, float("inf"))
    for _ in range(rounds):
        for name, step in sides.items():
            fastest[name] = min(fastest[name], _seconds(step, device))
    return Seconds(width, experts, device, fastest, difference)


def _sides(width: int, experts: int, device: str) -> dict[str, Step]:
    eager, angles = _mixtral(width, experts, "eager", device)
    default, _ = _mixtral(width, experts, "grouped_mm", device)
    default.load_state_dict(eager.state_dict())
    places = torch.arange(TOKENS, device=device)
    x = torch.randn(BATCH, TOKENS, width, device=device)
    gradient = torch.randn_like(x)
    positions = angles(x, places[None])
    ours = _ours(eager, width, experts).to(device)
    turn = rotation(places.float(), width // HEADS, _rope_base(eager))

    def theirs(layer: nn.Module, run: Callable[..., Tensor]) -> Step:
        return _step(layer, lambda rows: run(rows, position_embeddings=positions), x, gradient)

    def mine(layer: nn.Module, run: Callable[..., tuple[Tensor, object]]) -> Step:
        return _step(layer, lambda rows: run(rows, turn, TOKENS)[0], x, gradient)

    sides = {
        "Mixtral loop": theirs(eager, eager),
        "Mixtral": theirs(default, default),
        "Mixtral compiled": theirs(default, torch.compile(default)),
        "ours": mine(ours, ours),
        "ours compiled": mine(ours, torch.compile(ours)),
    }
    if unusable() is None:
        sides |= _in_bfloat16(ours, x, gradient, turn)
    return sides


def _in_bfloat16(ours: DecoderLayer, x: Tensor, gradient: Tensor, turn: Rotation) -> dict[str, Step]:
    """The layer with MegaBlocks' experts, which take nothing else, and with ours."""
    plain, other = (copy.deepcopy(ours).bfloat16() for _ in range(2))
    assert isinstance(other.feed_forward, TokenChoiceLayer)
    other.feed_forward = MegaBlocksLayer(other.feed_forward)

    def side(layer: DecoderLayer) -> Step:
        return _step(layer, lambda rows: layer(rows, turn, TOKENS)[0], x.bfloat16(), gradient.bfloat16())

    return {"ours, bfloat16": side(plain), "MegaBlocks, bfloat16": side(other)}


def _mixtral(width: int, experts: int, execution: str, device: str) -> tuple[nn.Module, Callable[..., object]]:
    """A layer and what turns positions into angles."""
    try:
        from transformers import MixtralConfig
        from transformers.models.mixtral.modeling_mixtral import MixtralDecoderLayer, MixtralRotaryEmbedding
    except ImportError as e:
        raise InputError(
            "this benchmark compares with transformers, which is not installed: pip install 'mixture-of-parrots[hf]'."
        ) from e
    config = MixtralConfig(
        hidden_size=width, intermediate_size=width, num_attention_heads=HEADS, num_key_value_heads=HEADS,
        num_local_experts=experts, num_experts_per_tok=2, rms_norm_eps=1e-5,
    )  # fmt: skip
    config._attn_implementation, config._experts_implementation = "sdpa", execution
    layer = MixtralDecoderLayer(config, 0)
    with torch.no_grad():
        for weight in layer.parameters():
            if weight.ndim > 1:
                weight.normal_(0.0, weight.shape[-1] ** -0.5)
    return layer.to(device), MixtralRotaryEmbedding(config).to(device)


def _rope_base(layer: nn.Module) -> float:
    return float(layer.self_attn.config.rope_parameters["rope_theta"])  # type: ignore[union-attr, index]


def _ours(theirs: nn.Module, width: int, experts: int) -> DecoderLayer:
    """A layer with the weights of a Mixtral layer."""
    router = TokenChoice(experts=experts, top_k=2)
    layer = DecoderLayer(DecoderConfig(1, width, 1, HEADS, TOKENS, router=router))
    given = theirs.state_dict()
    renamed = {
        "attention_norm.weight": given["input_layernorm.weight"],
        "feed_forward_norm.weight": given["post_attention_layernorm.weight"],
        "feed_forward.router.weight": given["mlp.gate.weight"],
        "feed_forward.experts.gate_up": given["mlp.experts.gate_up_proj"].mT,
        "feed_forward.experts.down": given["mlp.experts.down_proj"].mT,
    }
    for name, other in {"query": "q", "key": "k", "value": "v", "output": "o"}.items():
        renamed[f"attention.{name}.weight"] = given[f"self_attn.{other}_proj.weight"]
    layer.load_state_dict(renamed)
    return layer


def _step(layer: nn.Module, run: Callable[[Tensor], Tensor], x: Tensor, gradient: Tensor) -> Step:
    def step() -> tuple[Tensor, Tensor]:
        layer.zero_grad(set_to_none=True)
        rows = x.clone().requires_grad_()
        output = run(rows)
        output.backward(gradient)
        assert rows.grad is not None
        return output.detach(), rows.grad

    return step


def _largest_difference(results: dict[str, tuple[Tensor, Tensor]]) -> float:
    """Of the sides in float32 from the loop; of those in bfloat16 from each other, times 2^-10."""
    largest = 0.0
    for result in results.values():
        half = result[0].dtype == torch.bfloat16
        truth = results["ours, bfloat16" if half else "Mixtral loop"]
        for mine, true in zip(result, truth, strict=True):
            difference = float((mine.float() - true.float()).abs().max())
            largest = max(largest, difference * (2.0**-10 if half else 1.0))
    return largest


def _seconds(step: Step, device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    step()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - began
