"""What all models have in common: parameters given by name, in the shapes of the configuration."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from parrots.flat import Shapes
from theory.errors import InputError


class NamedParameters(nn.Module):
    """A module of copies of ``parameters``, one for each of ``shapes``.

    Raises:
        InputError: for a parameter of another shape.
    """

    def __init__(self, shapes: Shapes, parameters: Mapping[str, Tensor]) -> None:
        super().__init__()
        for name, shape in shapes.items():
            if tuple(parameters[name].shape) != shape:
                raise InputError(f"parameter {name} has shape {tuple(parameters[name].shape)}: give one of {shape}.")
            self.register_parameter(name, nn.Parameter(parameters[name].detach().clone()))

    def weights(self) -> dict[str, Tensor]:
        """The parameters by name."""
        return dict(self.named_parameters())
