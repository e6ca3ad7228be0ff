"""Figures of routing show the numbers that were saved."""

from __future__ import annotations

import json

import pytest
import torch

from experiments import routing_figures
from experiments.report.drawing import render
from experiments.report.page import Figure
from parrots.decoder import Decoder, DecoderConfig
from parrots.decoder.routers.token_choice import TokenChoice
from parrots.decoder.statistics import RoutingStatistics


@pytest.fixture(scope="module")
def saved() -> dict:
    """Statistics as they come back from a file."""
    config = DecoderConfig(12, 8, 2, 2, 9, router=TokenChoice(4, 2, capacity=0.7))
    model = Decoder(config, torch.Generator().manual_seed(0))
    tokens = torch.randint(3, 12, (30, 9), generator=torch.Generator().manual_seed(1))
    statistics = RoutingStatistics()
    statistics.add(model(tokens).routings, tokens)
    return json.loads(json.dumps(statistics.to_json(maps=True)))


def cells(figure: Figure) -> torch.Tensor:
    """What the heat map shows, row after row."""
    (mesh,) = figure.draw().axes[0].collections
    return torch.tensor(mesh.get_array().reshape(mesh.get_coordinates().shape[0] - 1, -1).tolist())


def test_loads_are_shown_as_multiples_of_an_even_share(saved):
    figure = routing_figures.loads("loads", saved)
    torch.testing.assert_close(cells(figure), 4 * torch.tensor([layer["load"] for layer in saved["layers"]]))
    svg, png = render(figure)
    assert svg.startswith(b"<?xml") and png[1:4] == b"PNG" and render(figure)[0] == svg
    assert f"{max(layer['largest_load'] for layer in saved['layers']):.2f}" in figure.alt


@pytest.mark.parametrize(("what", "seen"), [("token", range(3, 12)), ("position", range(9))])
def test_specialisation_is_shown_for_what_was_seen(saved, what, seen):
    labels = [f"<{row}>" for row in range(12)]
    figure = routing_figures.specialisation("map", saved, 1, what, labels)
    shown = torch.tensor([saved["layers"][1][f"by_{what}"][row] for row in seen]).T
    torch.testing.assert_close(cells(figure), shown)
    ticks = [text.get_text() for text in figure.draw().axes[0].get_xticklabels()]
    assert ticks == [labels[row] for row in seen]


def test_training_is_drawn_from_the_lines_that_watched_routers():
    layers = [
        {"load_entropy": 0.9, "router_entropy": 0.4, "dropped": 0.0},
        {"load_entropy": 0.7, "router_entropy": 0.2, "dropped": 0.2},
    ]
    lines = [{"step": 1, "loss": 2.0}, {"step": 10, "routers": layers}, {"step": 20, "routers": layers[:1] * 2}]
    (axes,) = routing_figures.over_training("training", lines).draw().axes
    drawn = {line.get_label(): line.get_xydata().tolist() for line in axes.lines}
    entropy = drawn[routing_figures.MEASURES["load_entropy"]]
    assert entropy == [[10.0, pytest.approx(0.8)], [20.0, pytest.approx(0.9)]]
    assert drawn[routing_figures.MEASURES["dropped"]] == [[10.0, pytest.approx(0.1)], [20.0, 0.0]]
