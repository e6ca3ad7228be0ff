"""Three ways for tokens and experts to find each other, one file each.

Each router takes the states after attention ``[batch, N, width]`` and which tokens exist ``[batch, N]``, and returns
the block's output at the last token, the query, with the routing of all tokens.  Nothing crosses between graphs.
"""

from collections.abc import Callable, Mapping

from torch import Tensor

from parrots.mixing.config import MixingConfig
from parrots.mixing.routers.expert_choice import expert_choice
from parrots.mixing.routers.routing import Routing
from parrots.mixing.routers.soft import soft
from parrots.mixing.routers.token_choice import token_choice

Router = Callable[[Tensor, Tensor, Mapping[str, Tensor], MixingConfig], tuple[Tensor, Routing]]

ROUTERS: dict[str, Router] = {"token-choice": token_choice, "expert-choice": expert_choice, "soft": soft}

__all__ = ["ROUTERS", "Router", "Routing", "expert_choice", "soft", "token_choice"]
