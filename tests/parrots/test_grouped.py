"""Grouped products and experts against loops in float64: outputs and all gradients, alone and stacked."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.func import vmap

from parrots import grouped
from parrots.decoder.dispatch import dispatch
from parrots.decoder.experts import Experts
from parrots.grouped import grouped_product

COUNTS = {
    "even": (4, 4, 4),
    "empty experts": (0, 5, 0, 3, 0),
    "one takes all": (0, 0, 7, 0),
    "a single expert": (6,),
    "no rows": (0, 0),
}
SIZES = [(8, 12), (7, 5), (1, 3)]  # the last two are no multiples of 16 bytes
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 4e-2, torch.float64: 1e-12}


@pytest.fixture(params=["kernel", "no kernel"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch 2.7 has no grouped_mm."""
    if request.param == "no kernel":
        monkeypatch.setattr(grouped, "_grouped_mm", None)
    elif grouped._grouped_mm is None:
        pytest.skip("this torch has no grouped_mm")


def ends_of(counts: tuple[int, ...]) -> Tensor:
    return torch.tensor(counts).cumsum(0, dtype=torch.int32)


def swiglu_by_loop(rows: Tensor, gate_up: Tensor, down: Tensor, counts: tuple[int, ...]) -> Tensor:
    outputs = []
    for x, both, last in zip(rows.split(counts), gate_up, down, strict=True):
        gate, up = (x @ both).chunk(2, -1)
        outputs.append((gate * torch.sigmoid(gate) * up) @ last)
    return torch.cat(outputs)


def with_gradients(result: Tensor, gradient: Tensor, *leaves: Tensor) -> tuple[Tensor, ...]:
    return (result.detach(), *torch.autograd.grad(result, leaves, gradient))


def assert_close(mine: tuple[Tensor, ...], true: tuple[Tensor, ...], dtype: torch.dtype) -> None:
    for a, b in zip(mine, true, strict=True):
        assert a.dtype == dtype
        assert a.shape == b.shape
        scale = b.abs().max().clamp(min=1.0) if b.numel() else 1.0
        torch.testing.assert_close(a.double() / scale, b / scale, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("inputs, outputs", SIZES)
@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
def test_the_product_is_the_loop(counts: tuple[int, ...], inputs: int, outputs: int, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    rows = torch.randn(sum(counts), inputs, dtype=dtype, requires_grad=True)
    weight = torch.randn(len(counts), inputs, outputs, dtype=dtype, requires_grad=True)
    gradient = torch.randn(1, outputs, dtype=dtype).expand(sum(counts), outputs)  # expanded: the kernel takes none
    mine = with_gradients(grouped_product(rows, weight, ends_of(counts)), gradient, rows, weight)
    x, w = (one.detach().double().requires_grad_() for one in (rows, weight))
    true = torch.cat([part @ one for part, one in zip(x.split(counts), w, strict=True)])
    assert_close(mine, with_gradients(true, gradient.double(), x, w), dtype)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("width, hidden", SIZES)
@pytest.mark.parametrize("counts", COUNTS.values(), ids=COUNTS)
def test_experts_are_the_loop(counts: tuple[int, ...], width: int, hidden: int, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    experts = experts_of(len(counts), width, hidden).to(dtype)
    rows = torch.randn(sum(counts), width, dtype=dtype, requires_grad=True)
    gradient = torch.randn(1, width, dtype=dtype).expand_as(rows)
    leaves = (rows, experts.gate_up, experts.down)
    mine = with_gradients(experts(rows, ends_of(counts)), gradient, *leaves)
    doubles = [leaf.detach().double().requires_grad_() for leaf in leaves]
    true = swiglu_by_loop(*doubles, counts)  # type: ignore[arg-type]
    assert_close(mine, with_gradients(true, gradient.double(), *doubles), dtype)


def experts_of(K: int, width: int, hidden: int) -> Experts:
    experts = Experts(K, width, hidden)
    with torch.no_grad():
        for weight in experts.parameters():
            weight.normal_(0.0, weight.shape[1] ** -0.5)
    return experts


class Mixture(nn.Module):
    """Choices and gates given from outside."""

    def __init__(self, K: int, width: int, hidden: int) -> None:
        super().__init__()
        self.K, self.experts = K, experts_of(K, width, hidden)

    def forward(self, x_TD: Tensor, chosen_Tk: Tensor, gates_Tk: Tensor) -> Tensor:
        sent = dispatch(chosen_Tk, self.K)
        return sent.combine(self.experts(sent.rows(x_TD), sent.ends_K), gates_Tk)


@pytest.mark.usefixtures("kernel")
@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_dispatched_tokens_add_up_their_experts(top_k: int) -> None:
    torch.manual_seed(2)
    K, T, width = 4, 11, 6
    mixture = Mixture(K, width, 5).double()
    x = torch.randn(T, width, dtype=torch.float64, requires_grad=True)
    chosen = torch.stack([torch.randperm(K)[:top_k] for _ in range(T)])
    gates = torch.rand(T, top_k, dtype=torch.float64, requires_grad=True)
    gate_up, down = mixture.experts.gate_up, mixture.experts.down
    leaves, gradient = (x, gates, gate_up, down), torch.randn(T, width, dtype=torch.float64)
    mine = with_gradients(mixture(x, chosen, gates), gradient, *leaves)
    rows = [
        sum(gates[t, j] * swiglu_by_loop(x[t : t + 1], gate_up[k : k + 1], down[k : k + 1], (1,)) for j, k in pairs)
        for t, pairs in enumerate(list(enumerate(choice)) for choice in chosen.tolist())
    ]
    assert_close(mine, with_gradients(torch.cat(rows), gradient, *leaves), torch.float64)  # type: ignore[arg-type]


@pytest.mark.usefixtures("kernel")
def test_stacked_members_are_the_members() -> None:
    torch.manual_seed(3)
    E, T, K, width = 3, 9, 4, 6
    members = [Mixture(K, width, 5) for _ in range(E)]
    stacked = {name: torch.stack([m.state_dict()[name] for m in members]) for name in members[0].state_dict()}
    parameters = {name: value.requires_grad_() for name, value in stacked.items()}
    x = torch.randn(T, width, requires_grad=True)  # the same for all members, so that one input is not stacked
    chosen, gates = torch.randint(K, (E, T, 2)), torch.rand(E, T, 2)
    gradient = torch.randn(E, T, width)

    def one(own: dict[str, Tensor], chosen_Tk: Tensor, gates_Tk: Tensor) -> Tensor:
        return torch.func.functional_call(members[0], own, (x, chosen_Tk, gates_Tk))

    together = vmap(one)(parameters, chosen, gates)
    d_x, d_gate_up, d_down = torch.autograd.grad(together, (x, *parameters.values()), gradient)
    for e, member in enumerate(members):
        alone = member(x, chosen[e], gates[e])
        torch.testing.assert_close(together[e], alone)
        of_member = torch.autograd.grad(alone, (x, *member.parameters()), gradient[e])
        d_x = d_x - of_member[0]
        torch.testing.assert_close((d_gate_up[e], d_down[e]), of_member[1:])
    torch.testing.assert_close(d_x, torch.zeros_like(d_x), rtol=0, atol=1e-5)


def test_autocast_reaches_the_experts() -> None:
    """The kernel itself ignores it."""
    torch.manual_seed(4)
    experts, rows, ends = experts_of(2, 8, 8), torch.randn(6, 8, requires_grad=True), ends_of((2, 4))
    with torch.autocast("cpu", torch.bfloat16):
        outputs = experts(rows, ends)
    assert outputs.dtype == torch.bfloat16
    outputs.sum().backward()
    assert rows.grad is not None and rows.grad.dtype == experts.down.grad.dtype == torch.float32  # type: ignore[union-attr]
    torch.testing.assert_close(outputs.float(), experts(rows, ends), rtol=3e-2, atol=3e-2)


def test_compiled_experts_are_the_experts() -> None:
    torch.manual_seed(5)
    mixture, x = Mixture(3, 8, 8), torch.randn(7, 8, requires_grad=True)
    chosen, gates = torch.randint(3, (7, 2)), torch.rand(7, 2, requires_grad=True)
    leaves, gradient = (x, gates, *mixture.parameters()), torch.randn(7, 8)
    plain, compiled = (
        with_gradients(run(x, chosen, gates), gradient, *leaves)
        for run in (mixture, torch.compile(mixture, backend="aot_eager", fullgraph=True))
    )
    torch.testing.assert_close(compiled, plain)
