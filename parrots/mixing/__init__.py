"""One layer whose routed block looks across tokens: capacity-limited token choice, expert choice, Soft MoE.

The answer at the query then depends on the states of the other tokens after attention, so the lower bounds for
token-wise blocks do not speak of it; the hand-built models of this class are the witnesses that they cannot.
"""

from parrots.mixing.config import MixingConfig
from parrots.mixing.initialise import initial_parameters
from parrots.mixing.model import Answer, MixingModel
from parrots.mixing.routers import Routing

__all__ = ["Answer", "MixingConfig", "MixingModel", "Routing", "initial_parameters"]
