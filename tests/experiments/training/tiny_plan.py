"""A run that trains in a second: a phone-book of 40 entries, a mixture of four experts."""

from __future__ import annotations

import dataclasses
from typing import Any

from experiments.tasks.phone_book import PhoneBook
from experiments.training.plan import Plan
from experiments.training.recipe import Recipe
from parrots.decoder import DecoderConfig
from parrots.decoder.routers import ROUTERS

TASK = PhoneBook(entries=40, letters=2, alphabet=10, digits=2)
ROUTER = ROUTERS["token-choice"](experts=4, top_k=2)
RECIPE = Recipe(steps=12, batch=8, log_every=1, check_every=4, save_every=3, validation=16)


def tiny_plan(router: Any = ROUTER, **recipe: Any) -> Plan:
    config = DecoderConfig(
        vocabulary=len(TASK.vocabulary), width=16, layers=2, heads=2, positions=TASK.length - 1, router=router
    )
    return Plan(TASK, config, dataclasses.replace(RECIPE, **recipe))


_TYPED = (
    "phone-book --set task.entries=40 task.letters=2 task.alphabet=10 task.digits=2 --width 16 --layers 2 --heads 2 "
    "--router token-choice --experts 4 --top-k 2 --batch 8 --log-every 1 --check-every 4 --save-every 3 --validation 16"
)
FLAGS = tuple(_TYPED.split())
"""The same as words of ``parrots train``, but for the steps."""
