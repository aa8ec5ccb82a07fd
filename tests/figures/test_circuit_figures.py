"""Figures of the circuit lab carry the numbers that they are given, under the names that people read."""

import numpy as np
import pandas as pd
import pytest

from core.alphabet import AMINO_ACIDS
from core.analyses.induction import NO_REPEAT, NOTHING
from core.analyses.super_additivity import SuperAdditivity
from core.analyses.write_vectors import WriteVectors
from core.figures import ablation, circuits, competition, first_residue, induction, patching, rope
from core.figures.style import CLEAN, EDITED, TARGET


def axis_labels(figure, axis="x"):
    return list(getattr(figure.data[0], axis))


def test_gaps_are_orange_where_the_target_ranks_first():
    figure = first_residue.gaps(["one", "two"], np.array([2.0, -1.0]), ["M", "A"], "M")
    assert list(figure.data[0].marker.color) == [TARGET, CLEAN]
    assert figure.data[0].y.tolist() == [2.0, -1.0]


def test_gaps_of_groups_stand_under_the_groups_names_with_a_line_between():
    names, first = list("abcde"), list("MMAMM")
    figure = first_residue.gaps(names, np.ones(5), first, "M", ["known", "known", "known", "random", "random"])
    assert [(note.text, note.x) for note in figure.layout.annotations] == [("known", 1.0), ("random", 3.5)]
    assert [line.x0 for line in figure.layout.shapes if line.x0 == line.x1] == [2.5]


def test_modules_by_scope_have_a_row_each_and_a_column_per_scope():
    values = {"The mask": np.array([1.0, -2.0]), "BOS": np.array([0.5, 0.0])}
    figure = ablation.by_scope(values, ["L1 attention", "L1 MLP"], quantity="gap")
    assert figure.data[0].z.tolist() == [[1.0, 0.5], [-2.0, 0.0]]
    assert axis_labels(figure) == ["The mask", "BOS"]
    wide = ablation.by_scope({"BOS and the mask": np.zeros(1)}, ["L1 MLP"], quantity="gap")
    assert axis_labels(wide) == ["BOS and the<br>mask"]
    assert figure.data[0].zmin == -figure.data[0].zmax == -2.0
    rates = ablation.by_scope({"The mask": np.array([0.0, 1.0])}, ["a", "b"], quantity="rate")
    assert rates.data[0].zmin == 0.0


def test_ablated_and_blocked_stand_against_the_line_where_both_are_equal():
    figure = circuits.ablated_and_blocked(np.array([-5.0, -1.0]), np.array([-4.5, -1.5]), ["one", "two"], "L6H8")
    line, points = figure.data
    assert tuple(line.x) == tuple(line.y) == (-5.0, -1.0)
    assert (points.x.tolist(), points.y.tolist(), list(points.text)) == ([-5.0, -1.0], [-4.5, -1.5], ["one", "two"])


def test_knock_outs_keep_a_colour_per_set_of_heads():
    gaps = {"key heads alone": np.array([3.0, 1.0]), "key heads and main head": np.array([3.0, -1.0])}
    figure = circuits.knockouts(gaps, ["none", "values of BOS"], "M")
    assert [bar.name for bar in figure.data] == list(gaps)
    assert figure.data[1].x.tolist() == [3.0, -1.0]
    assert axis_labels(figure, "y") == ["none", "values of BOS"]


def test_a_pattern_has_a_row_per_query_and_a_column_per_key():
    figure = circuits.pattern(np.array([[0.25, 0.75], [1.0, 0.0]]), ["BOS", "M1"])
    assert figure.data[0].z.tolist() == [[0.25, 0.75], [1.0, 0.0]]
    assert (axis_labels(figure), axis_labels(figure, "y")) == (["BOS", "M1"], ["BOS", "M1"])


def test_bands_along_residues_have_a_line_each_in_every_panel():
    rows = [(residue, band, 1.0 + residue, 0.5, -band) for residue in (0, 10) for band in (0, 1)]
    table = pd.DataFrame(rows, columns=["residue", "band", "q_norm", "cosine", "contribution"])
    figure = rope.bands_along(table, np.array([6.28, 20.0]))
    assert len(figure.data) == 6
    assert (figure.data[0].x.tolist(), figure.data[0].y.tolist()) == ([1, 11], [1.0, 11.0])
    assert [line.name for line in figure.data if line.showlegend] == ["6.3", "20"]


def test_a_search_is_drawn_in_the_order_of_ablation():
    figure = circuits.search_path(["L2 MLP", "L1H3"], np.array([2.0, -1.0]), np.array([5.0, 1.0]), "M")
    assert list(figure.layout.xaxis.ticktext) == ["L2 MLP", "L1H3"]
    assert figure.data[0].y.tolist() == [2.0, -1.0]
    many = circuits.search_path(["L1 MLP"] * 100, np.zeros(100), np.zeros(100), "M")
    assert len(many.layout.xaxis.ticktext) <= 30


def test_token_scopes_are_a_grid_without_the_whole_model():
    rows = [("the whole model", "the whole model", 9.0), ("mask", "mask", 1.0), ("mask", "bos", 2.0)]
    rows += [("all", "mask", 3.0), ("all", "bos", 4.0)]
    table = pd.DataFrame(rows, columns=["attention_at", "mlps_at", "gap"])
    figure = circuits.token_scopes(table, "M")
    assert figure.data[0].z.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert axis_labels(figure, "y") == ["the mask", "everywhere"]


def test_gaps_along_a_protein_count_residues_from_one():
    rows = [
        (residue, name, residue + shift) for residue in (0, 4) for name, shift in (("whole model", 0), ("circuit", 1))
    ]
    figure = circuits.along(pd.DataFrame(rows, columns=["residue", "condition", "gap"]), "M")
    assert figure.data[0].x.tolist() == [1, 5]
    assert [line.name for line in figure.data] == ["whole model", "circuit"]
    assert figure.data[1].y.tolist() == [1, 5]


def test_two_heads_stand_between_neither_and_the_whole_model():
    found = SuperAdditivity(neither=-3.0, first=-2.0, second=-1.0, both=2.0, added=0.0, whole_model=4.0)
    figure = circuits.pair(found, "L1H8", "L6H8", "M")
    assert dict(zip(figure.data[0].x, figure.data[0].y, strict=True)) == {
        "neither": -3.0,
        "L1H8 alone": -2.0,
        "L6H8 alone": -1.0,
        "merely added": 0.0,
        "together": 2.0,
        "whole model": 4.0,
    }


def test_writes_and_drops_name_the_heads_of_their_layer():
    cosine = np.arange(40, dtype=float).reshape(2, 20) / 40
    figure = circuits.write_vectors(WriteVectors(cosine, np.ones(2)), layer=5)
    assert axis_labels(figure, "y") == ["L6H1", "L6H2"]
    assert axis_labels(figure) == list(AMINO_ACIDS)
    assert axis_labels(circuits.ablation_drops(np.array([0.1, 0.2]), 5, "M")) == ["L6H1", "L6H2"]


def test_shares_and_rates_keep_to_zero_to_one():
    figure = circuits.necessity({"L6 attention": 1.0, "L1 MLP": 0.25})
    assert figure.data[0].y.tolist() == [1.0, 0.25]
    assert tuple(figure.layout.yaxis.range) == (0, 1)
    rates = circuits.rates({"whole model": (1.0, 0.0), "circuit": (1.0, 0.41)}, residue=0)
    assert rates.data[1].y.tolist() == [0.0, 0.41]


def test_an_injection_has_a_bar_and_a_point_per_source():
    after = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    figure = patching.injection(["poly-A", "poly-G"], np.array([-1.0, -2.0]), after, "M")
    assert figure.data[0].y.tolist() == [-1.0, -2.0]
    points = list(zip(figure.data[1].x, figure.data[1].y, strict=True))
    assert ("poly-A", 3.0) in points
    assert ("poly-G", 4.0) in points
    assert len(points) == 6


def test_rescue_maps_are_layers_by_heads_and_layers_by_places():
    assert axis_labels(patching.rescue_by_head(np.zeros((2, 3)))) == ["H1", "H2", "H3"]
    figure = patching.rescue_by_place(np.eye(2), ["M1", "Q2"], x="Position patched")
    assert axis_labels(figure) == ["M1", "Q2"]
    assert axis_labels(figure, "y") == ["L1", "L2"]


def competing(scale: float) -> pd.DataFrame:
    rows = [(masks, order, masks + order, -masks, 0.25 * masks, scale) for masks in (2, 3) for order in (0, 1)]
    return pd.DataFrame(rows, columns=["masks", "order", "target", "repeated", "probability", "scale"])


def test_competing_logits_are_means_over_orders_with_the_scale_below():
    figure = competition.competing_logits(
        competing(1.1), "masks", target="M", letter="A", x_title="Masks", held=competing(0.88)
    )
    lines = {line.name: line for line in figure.data if line.name}
    assert lines["M"].y.tolist() == [2.5, 3.5]
    assert lines["A"].y.tolist() == [-2, -3]
    assert lines["token dropout's scale"].y.tolist() == [1.1, 1.1]
    assert lines["token dropout's scale"].yaxis == "y3"
    assert (lines["P(M)"].y.tolist(), lines["P(M)"].yaxis) == ([0.5, 0.75], "y2")
    assert lines["M, scale held"].line.dash == "dot"
    alone = competition.competing_logits(competing(1.1), "masks", target="M", letter="A", x_title="Masks")
    assert not any(line.name and "held" in line.name for line in alone.data)


def test_the_shift_curve_is_a_mean_with_its_spread_and_a_dotted_control():
    values = np.array([[0.0, 2.0], [2.0, 4.0]])
    figure = rope.shift((-1, 0), values, values - 5, np.ones((2, 2)), "M")
    lines = {line.name: line for line in figure.data if line.name}
    assert lines["mask at the start"].y.tolist() == [1.0, 3.0]
    assert lines["control: q and k together"].line.dash == "dot"
    assert "#000000" not in {line.line.color for line in figure.data}, "black is not seen on a dark page"
    band = figure.data[0].y
    assert [min(band), max(band)] == [0.0, 4.0]


def test_bands_are_called_by_their_wavelengths():
    lengths = np.array([6.283, 19.87, 1986.9])
    assert rope.band_labels(lengths) == ["6.3", "20", "1,987"]
    figure = rope.band_shares(lengths, np.array([0.5, 0.3, 0.2]))
    assert figure.data[0].y.tolist() == [50.0, 30.0, 20.0]


def test_norm_and_direction_stack_to_the_difference_and_flagged_bands_are_hatched():
    table = pd.DataFrame({"norm": [1.0, -0.5], "direction": [2.0, 0.5], "flagged": [False, True]})
    figure = rope.norm_and_direction(table, np.array([6.28, 20.0]))
    assert figure.layout.barmode == "relative"
    assert [sum(parts) for parts in zip(*(bar.y for bar in figure.data), strict=True)] == [3.0, 0.0]
    assert list(figure.data[0].marker.pattern.shape) == ["", "/"]


def test_two_positions_are_compared_in_four_panels():
    quantities = ("q_norm", "k_norm", "cosine", "contribution")
    table = pd.DataFrame({f"{name}_{run}": [1.0, 2.0] for name in quantities for run in ("clean", "internal")})
    figure = rope.two_positions(table, np.array([6.28, 20.0]))
    assert len(figure.data) == 8
    assert len({bar.xaxis for bar in figure.data}) == 4


def test_swaps_causes_removals_and_patch_sets_draw_their_numbers():
    steps = rope.swap_steps(["L2H2", "L1H8"], np.array([0.0, 0.5]), np.array([2.0, 40.0]))
    assert steps.data[0].y.tolist() == [0.0, 50.0]
    assert axis_labels(steps) == ["0. L2H2", "1. L1H8"]
    one = np.array([0.5])
    causes = rope.causes(["L2H2"], one, one / 5, one / 2, one / 10)
    assert [bar.y[0] for bar in causes.data] == pytest.approx([0.5, 0.25, 0.05, 0.1])
    assert rope.removal(["none", "L1"], np.array([4.0, 3.0]), "M").data[0].y.tolist() == [4.0, 3.0]
    sets = rope.patch_sets(["clean", "corrupted", "q", "rotation"], np.array([100.0, 0.0, 70.2, -0.01]))
    assert list(sets.data[0].text) == ["100%", "0%", "70%", "0%"]


def test_copying_has_a_bar_for_each_set_with_its_interval_and_a_line_for_a_guess():
    table = pd.DataFrame(
        {
            "blocked": [NOTHING, "best head", NO_REPEAT],
            "probability": [0.9, 0.2, 0.05],
            "low": [0.8, 0.1, 0.04],
            "high": [0.95, 0.4, 0.06],
        }
    )
    figure = induction.blocking(table, 0.05)
    [bar] = figure.data
    assert list(zip(bar.y, bar.x, strict=True)) == [(NOTHING, 0.9), ("best head", 0.2), (NO_REPEAT, 0.05)]
    assert bar.error_x.array.tolist() == pytest.approx([0.05, 0.2, 0.01])
    assert bar.error_x.arrayminus.tolist() == pytest.approx([0.1, 0.1, 0.01])
    assert list(bar.marker.color) == [TARGET, EDITED, CLEAN]
    assert figure.layout.shapes[0].x0 == 0.05
    assert induction.gains(np.array([[0.1, -0.2]])).data[0].zmin == -0.2
