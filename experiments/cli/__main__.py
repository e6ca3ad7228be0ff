"""``python -m experiments.cli``: what ``torchrun -m experiments.cli train …`` starts in every process."""

import sys

from experiments.cli import main

sys.exit(main())
