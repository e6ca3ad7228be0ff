"""torch's encoder layer as a table: its own logits on every graph, certified, and run by Alice and Bob."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import mpmath
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from parrots.foreign import from_encoder_layer
from theory.certify import certify
from theory.errors import InputError
from theory.foreign import state_bound
from theory.instances import Pairs, all_pairs
from theory.protocol import SplitTable, converse
from theory.table import ForeignBlock, OneLayerTable

R, M = 3, 8


@dataclass(frozen=True)
class Model:
    """An encoder layer over edge tokens, read at a query token."""

    layer: nn.TransformerEncoderLayer
    edges: Tensor
    null: Tensor
    query: Tensor
    readout: Tensor
    bias: float = 0.25

    def table(self, **changes: object) -> OneLayerTable:
        fields = {name: getattr(self, name) for name in ("layer", "edges", "null", "query", "readout", "bias")}
        return from_encoder_layer(**(fields | changes))

    def logits(self, pairs: Pairs, seed: int = 0) -> NDArray[np.float64]:
        """Of the layer's own forward, in float64, the edges in a random order among the null tokens."""
        present = torch.from_numpy(np.concatenate((pairs.alice_BR, pairs.bob_BR), axis=1))[:, :, None]
        order = torch.rand(present.shape, generator=torch.Generator().manual_seed(seed)).argsort(1)
        tokens = torch.where(present, self.edges, self.null).gather(1, order.expand(-1, -1, M))
        tokens = torch.cat((tokens, self.query.expand(len(tokens), 1, M)), 1).double()
        with torch.no_grad():
            out = self.layer.double().eval()(tokens)[:, -1]
        return np.asarray((out @ self.readout.double() + self.bias).numpy())


def model(seed: int = 0, double: bool = True, **options: object) -> Model:
    torch.manual_seed(seed)
    layer = nn.TransformerEncoderLayer(M, 2, 12, batch_first=True, **options)  # type: ignore[arg-type]  # of mixed types
    for parameter in layer.parameters():  # norms and biases too
        nn.init.normal_(parameter, std=0.5)
    found = Model(layer, torch.randn(2 * R, M), torch.randn(M), torch.randn(M), torch.randn(M))
    if double:
        layer.double()
    return found


KINDS = [
    {"norm_first": first, "activation": activation, "bias": bias}
    for first, activation, bias in product((True, False), ("relu", "gelu"), (True, False))
]


def logits_of(table: OneLayerTable) -> NDArray[np.float64]:
    alice, bob = table.halves()
    return table.block.logits(table.states((alice[:, None] + bob).reshape(-1, alice.shape[1])))


@pytest.mark.parametrize("options", KINDS, ids=str)
@pytest.mark.parametrize("double", [True, False])
def test_logits_are_those_of_the_layer_on_every_graph(options: dict[str, object], double: bool) -> None:
    given = model(double=double, **options)
    own, table = given.logits(all_pairs(R)), given.table()
    assert len(np.unique(np.round(own, 6))) == 4**R
    np.testing.assert_allclose(logits_of(table), own, rtol=1e-9, atol=1e-9)
    assert isinstance(table.block, ForeignBlock) and table.block.error > 0
    # Behind two norms the bound is 1 / sqrt(eps) twice, whatever the inputs are.
    assert table.block.error < (1e-6 if options["norm_first"] else 1e-2)


@pytest.mark.parametrize("norm_first", [True, False])
def test_masked_slots(norm_first: bool) -> None:
    """torch's own mask, and the table of a null token without weight."""
    given, every = model(norm_first=norm_first), all_pairs(R)
    present = torch.from_numpy(np.concatenate((every.alice_BR, every.bob_BR), axis=1))
    tokens = torch.cat((given.edges, given.query[None])).double().expand(len(present), -1, -1)
    masked = torch.cat((~present, torch.zeros(len(present), 1, dtype=torch.bool)), 1)
    with torch.no_grad():
        out = given.layer.eval()(tokens, src_key_padding_mask=masked)[:, -1]
    own = (out @ given.readout.double() + given.bias).numpy()
    table = given.table(null=None)
    np.testing.assert_allclose(logits_of(table), own, rtol=1e-9, atol=1e-9)
    assert isinstance(table.block, ForeignBlock) and table.block.error < (1e-6 if norm_first else 1e-2)


def test_one_head_or_many_and_dropout() -> None:
    for heads in (1, 4, 8):
        torch.manual_seed(heads)
        layer = nn.TransformerEncoderLayer(M, heads, 5, dropout=0.5, layer_norm_eps=1e-3)
        given = Model(layer.double(), *(torch.randn(shape) for shape in ((2 * R, M), (M,), (M,), (M,))))
        layer.batch_first = layer.self_attn.batch_first = True
        pairs = Pairs(*(array[::5] for array in (all_pairs(R).alice_BR, all_pairs(R).bob_BR)))
        np.testing.assert_allclose(logits_of(given.table())[::5], given.logits(pairs), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("options", KINDS[::3], ids=str)
def test_the_error_bound_holds_for_states_that_are_off(options: dict[str, object]) -> None:
    """Against 50 digits at the state, when the function gets a state moved by its whole error."""
    given = model(**options)
    table = given.table()
    assert isinstance(table.block, ForeignBlock)
    alice, bob = table.halves()
    rng = np.random.default_rng(0)
    for a, b in rng.integers(0, 2**R, size=(5, 2)):
        x = table.states((alice[a] + bob[b])[None])[0]
        for direction in rng.normal(size=(3, M)):
            moved = x + direction / np.linalg.norm(direction) * state_bound(table).error
            off = abs(float(table.block.logits(moved[None])[0]) - exact_logit(given, x))
            assert off <= table.block.error


def exact_logit(given: Model, x: NDArray[np.float64]) -> mpmath.mpf:
    layer = given.layer

    def vector(tensor: Tensor | None, size: int, fill: float = 0.0) -> list[mpmath.mpf]:
        return [mpmath.mpf(v) for v in ([fill] * size if tensor is None else tensor.double().tolist())]

    def normal(x: list[mpmath.mpf], norm: nn.LayerNorm) -> list[mpmath.mpf]:
        mean = sum(x) / len(x)
        root = mpmath.sqrt(sum((y - mean) ** 2 for y in x) / len(x) + mpmath.mpf(norm.eps))
        gain, shift = vector(norm.weight, len(x), 1.0), vector(norm.bias, len(x))
        return [(y - mean) / root * g + s for y, g, s in zip(x, gain, shift, strict=True)]

    def linear(x: list[mpmath.mpf], matrix: nn.Linear) -> list[mpmath.mpf]:
        rows = matrix.weight.double().tolist()
        shift = vector(matrix.bias, len(rows))
        return [sum(w * y for w, y in zip(row, x, strict=True)) + s for row, s in zip(rows, shift, strict=True)]

    def active(y: mpmath.mpf) -> mpmath.mpf:
        if layer.activation_relu_or_gelu == 1:
            return max(y, mpmath.mpf(0))
        return y / 2 * (1 + mpmath.erf(y / mpmath.sqrt(2)))

    def feed(x: list[mpmath.mpf]) -> list[mpmath.mpf]:
        return linear([active(y) for y in linear(x, layer.linear1)], layer.linear2)

    with mpmath.workdps(50):
        state = [mpmath.mpf(v) for v in x.tolist()]
        if layer.norm_first:
            out = [y + z for y, z in zip(state, feed(normal(state, layer.norm2)), strict=True)]
        else:
            first = normal(state, layer.norm1)
            out = normal([y + z for y, z in zip(first, feed(first), strict=True)], layer.norm2)
        return sum(y * w for y, w in zip(out, vector(given.readout, M), strict=True)) + given.bias


@pytest.mark.parametrize("norm_first", [True, False])
def test_a_counterexample_is_one_of_the_layer_itself(norm_first: bool) -> None:
    given = model(norm_first=norm_first)
    certificate = certify(given.table())
    assert certificate.wrong > 0 and certificate.undecided == 0 and certificate.counterexample is not None
    alice, bob = (np.isin(np.arange(1, R + 1), side)[None] for side in certificate.counterexample)
    pairs = Pairs(alice, bob)
    assert (given.logits(pairs)[0] >= 0) != pairs.intersects_B[0]
    every = all_pairs(R)
    assert certificate.wrong == ((given.logits(every) >= 0) != every.intersects_B).sum()


@pytest.mark.parametrize("options", KINDS[::3], ids=str)
def test_alice_and_bob_run_the_layer(options: dict[str, object]) -> None:
    given = model(**options)
    parties = SplitTable(given.table())
    every = all_pairs(R)
    for at in range(0, 4**R, 5):
        pairs = Pairs(every.alice_BR[at : at + 1], every.bob_BR[at : at + 1])
        edges = np.array(
            [(0, i + 1) for i in np.flatnonzero(pairs.alice_BR[0])]
            + [(i + 1, R + 1) for i in np.flatnonzero(pairs.bob_BR[0])],
            dtype=np.int64,
        ).reshape(-1, 2)
        own = float(given.logits(pairs)[0])
        transcript = converse(parties, edges, R + 2, own)
        assert transcript.bits == 64 * (2 + M) and transcript.error is not None
        assert transcript.residual <= 2 * transcript.error
        assert transcript.answer == transcript.own_answer or abs(own) <= transcript.error
        assert transcript.oracle == pairs.intersects_B[0]


BROKEN = nn.TransformerEncoderLayer(M, 2, 12)
nn.init.constant_(BROKEN.linear2.bias, torch.inf)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"query": torch.ones(M + 1)}, "(6, 8), (8,), (9,), (8,): give [2r, 8] and three of [8]"),
        ({"readout": torch.ones(1, M)}, "give [2r, 8]"),
        ({"edges": torch.ones(5, M)}, "(5, 8)"),
        ({"edges": torch.ones(2 * R, M + 1)}, "(6, 9)"),
        ({"edges": torch.ones(M)}, "shapes (8,)"),
        ({"edges": torch.ones(0, M)}, "give values"),
        ({"layer": nn.TransformerDecoderLayer(M, 2, 12)}, "a TransformerDecoderLayer: give one"),
        ({"layer": nn.TransformerEncoderLayer(M, 2, 12, activation=torch.tanh)}, "neither relu nor gelu"),
        ({"layer": nn.TransformerEncoderLayer(M, 2, 12, activation=nn.GELU("tanh"))}, "neither relu nor gelu"),
        ({"layer": BROKEN}, "not finite"),
        ({"null": torch.full((M,), torch.nan)}, "not finite"),
        ({"edge_slots": R}, "3 edge slots"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError) as refused:
        model().table(**changes)
    assert says in str(refused.value) and "\n" not in str(refused.value)
