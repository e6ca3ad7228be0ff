"""Decoders of one shape run as one: parameters stacked ``[E, ...]``, the ordinary model mapped over them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

from parrots.decoder.attention import Attention
from parrots.decoder.model import Decoder, Output
from parrots.decoder.norm import RMSNorm
from parrots.decoder.routers import Routing

Result = TypeVar("Result")


class DecoderEnsemble:
    """``E`` decoders of one configuration; ``parameters`` and ``buffers`` map a name to ``[E, ...]``."""

    def __init__(self, members: Sequence[Decoder]) -> None:
        self.config = members[0].config
        if any(member.config != self.config for member in members):
            raise ValueError("members of different configurations")
        parameters, buffers = stack_module_state([*members])
        self.parameters: dict[str, Tensor] = {name: value.detach() for name, value in parameters.items()}
        self.buffers: dict[str, Tensor] = {name: value.detach() for name, value in buffers.items()}
        self._member = copy.deepcopy(members[0]).to("meta")
        for module in self._member.modules():
            if isinstance(module, Attention | RMSNorm):
                module.fused = False

    def __call__(
        self, tokens: Tensor, *, last: int | None = None, parameters: Mapping[str, Tensor] | None = None
    ) -> Output:
        """``tokens`` ``[E, batch, tokens]`` -> ``logits`` ``[E, batch, tokens or last, vocabulary]``.

        ``parameters`` stand in for the ensemble's own: what an optimiser holds.
        """
        return self.map(lambda model, row: model(row, last=last), tokens, parameters=parameters)

    def map(
        self,
        function: Callable[..., Result],
        *inputs: Tensor,
        parameters: Mapping[str, Tensor] | None = None,
    ) -> Result:
        """``function(model, *rows)`` for every member, with its rows of the ``inputs`` ``[E, ...]``, stacked.

        ``model`` is called as the ordinary one; ``function`` returns tensors, in tuples if several.
        """

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], *rows: Tensor) -> Result:
            def model(tokens: Tensor, **options: Any) -> Output:
                output: Output = functional_call(self._member, (parameters, buffers), (tokens,), options)
                return output

            return function(model, *rows)

        stacked = self.parameters if parameters is None else dict(parameters)
        mapped: Result = vmap(one, randomness="different")(stacked, self.buffers, *inputs)
        return mapped

    def train(self, training: bool = True) -> None:
        """As :meth:`torch.nn.Module.train`: routers add noise and drop tokens in training only."""
        self._member.train(training)

    def rebalance(self, routings: Sequence[Routing]) -> None:
        """:meth:`Decoder.rebalance` of every member: routers move their buffers, here stacked, in place."""
        for name, stacked in self.buffers.items():
            owner, _, buffer = name.rpartition(".")
            self._member.get_submodule(owner)._buffers[buffer] = stacked
        self._member.rebalance(routings)

    def member(self, index: int) -> Decoder:
        """Member ``index`` as an ordinary model with its own copy of the weights."""
        model = Decoder(self.config)
        state = {name: value[index] for name, value in (self.parameters | self.buffers).items()}
        model.load_state_dict(state)
        return model.to(next(iter(state.values())).device)
