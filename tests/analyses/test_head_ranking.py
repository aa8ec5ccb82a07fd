"""Rankings against maps that are known to be right, and their files."""

import esm
import msgspec
import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from core.alphabet import TOKENS, tokenize
from core.analyses import head_ranking
from core.analyses.head_ranking import (
    HeadRanking,
    head_precisions,
    kept_ranking,
    load_ranking,
    rank_heads,
    ranking_bytes,
    save_ranking,
    top_k_precisions,
)
from core.contacts import heads_map
from core.errors import InputError
from core.interventions import Head
from core.model import Model, load_model
from core.proteins.contact_scores import pairs_in_range, precision_at
from core.proteins.labelled import LabelledProtein
from tests.heard import Heard

BEST = Head(1, 2)


def seen_by(model, sequence: str, head: Head) -> LabelledProtein:
    """A protein whose long-range contacts are what one head holds for the L / 2 likeliest."""
    predicted = heads_map(model, tokenize(sequence), [head])
    pairs = pairs_in_range(len(sequence), "long")
    threshold = np.sort(predicted[pairs])[-(len(sequence) // 2)]
    contacts = pairs & (predicted >= threshold)
    return LabelledProtein.from_arrays(sequence[:4], sequence, contacts, np.ones(len(sequence), bool), "by one head")


@pytest.fixture(scope="module")
def proteins(model) -> dict[str, LabelledProtein]:
    letters = np.random.default_rng(0).choice(list("ACDEFGHIKLMNPQRSTVWY"), (4, 48))
    made = [seen_by(model, "".join(row), BEST) for row in letters]
    return {protein.name: protein for protein in made}


@pytest.fixture(scope="module")
def ranking(model, proteins) -> HeadRanking:
    return rank_heads(model, proteins)


def test_the_head_that_sees_all_contacts_comes_first(ranking):
    assert ranking.heads(1) == (BEST,)
    assert ranking.grid()[BEST.layer, BEST.index] == 1
    assert ranking.best_k == 1
    assert ranking.k_sweep[0] == 1
    assert len(ranking.heads()) == 12
    values = [ranking.grid()[head.layer, head.index] for head in ranking.heads()]
    assert values == sorted(values, reverse=True)


def test_a_heads_precision_is_its_maps(model, proteins):
    protein = next(iter(proteins.values()))
    measured = head_precisions(model, protein)
    for head in (Head(0, 0), Head(2, 3)):
        predicted = heads_map(model, protein.tokens, [head])
        for separation, grid in measured.found.items():
            expected = precision_at(predicted, *protein.truth(), separation, 2).precision
            assert grid[head.layer, head.index] == pytest.approx(expected, nan_ok=True)


def made_heads(monkeypatch, planted: dict[int, float]) -> HeadRanking:
    """A ranking of 2 x 10 heads of noise over eight proteins with clustered contacts; planted heads (by number) hold
    the contacts with a weight."""
    generator = np.random.default_rng(8)
    proteins, maps = {}, {}
    for number in range(8):
        sequence = "".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), 70))
        contacts = gaussian_filter(generator.normal(size=(70, 70)), 1.5)
        contacts = np.triu(contacts > np.quantile(contacts, 0.93), 6)
        name = f"p{number}"
        proteins[name] = LabelledProtein.from_arrays(name, sequence, contacts, generator.random(70) < 0.95, "made")
        noise = gaussian_filter(generator.normal(size=(20, 70, 70)), (0, 1.5, 1.5))
        for head, weight in planted.items():
            noise[head] += weight * noise.std() * contacts
        maps[sequence] = torch.tensor(noise).unflatten(0, (2, 10))

    def held(model, tokens):
        return enumerate(maps["".join(TOKENS[token] for token in tokens[1:-1])])

    monkeypatch.setattr(head_ranking, "head_maps", held)
    return rank_heads(Model.from_fair_esm(esm.ESM2(num_layers=2, embed_dim=20, attention_heads=10)), proteins)


def test_chance_heads_are_not_said_to_see_contacts(monkeypatch):
    ranking = made_heads(monkeypatch, {})
    null = ranking.chance_heads["long"]
    assert 0 < ranking.chance["long"] < null.best[0] < null.best[1], "the best of twenty is above chance by itself"
    assert null.n_contact_heads[1] < ranking.n_contact_heads() < 20
    assert "no head is shown to see contacts" in ranking.finding()
    assert "a few heads" not in ranking.finding()
    assert f"chance heads: {null.n_contact_heads[0]:.1f}, 5% point" in ranking.finding()


def test_a_planted_head_is_said_to_see_contacts(monkeypatch):
    ranking = made_heads(monkeypatch, {13: 3.0})
    assert ranking.heads(1) == (Head(1, 3),)
    assert ranking.grid().max() > ranking.chance_heads["long"].best[1]
    assert ranking.finding().count("Contacts sit in a few heads: about") == 1
    assert "L2H4" in ranking.finding()
    assert "mean over the 8 proteins" in ranking.finding()


def test_contacts_in_every_head_are_not_said_to_sit_in_a_few(monkeypatch):
    ranking = made_heads(monkeypatch, dict.fromkeys(range(20), 3.0))
    assert ranking.grid().max() > ranking.chance_heads["long"].best[1]
    assert "That contacts sit in fewer heads than by chance is not shown" in ranking.finding()


def test_few_proteins_and_old_rankings_give_no_finding(ranking):
    assert ranking.finding() == "No finding: heads were ranked on 4 proteins, and 6 are the fewest for one."
    old = msgspec.structs.replace(ranking, proteins=tuple("abcdef"), chance_heads={})
    assert old.finding().endswith("What chance heads give was not measured with this ranking.")


def test_the_sweep_is_the_precision_of_averages(model, proteins):
    protein = next(iter(proteins.values()))
    heads = [Head(2, 1), Head(0, 3), Head(1, 0)]
    expected = [
        precision_at(heads_map(model, protein.tokens, heads[:k]), *protein.truth()).precision for k in (1, 2, 3)
    ]
    found = top_k_precisions(model, protein, [heads, heads[::-1]])
    np.testing.assert_allclose(found[0], expected)
    assert found[1][2] == pytest.approx(expected[2])


def test_diffuseness_counts_the_heads_that_share_contacts(ranking):
    def spread(*precision: float) -> float:
        grid = (precision, (0.1,) * len(precision))
        one = msgspec.structs.replace(ranking, precision={"long": grid}, chance={"long": 0.1})
        return one.n_contact_heads()

    assert spread(0.6, 0.1, 0.05) == pytest.approx(1)
    assert spread(0.6, 0.6, 0.6) == pytest.approx(3)
    assert 1 < spread(0.6, 0.2, 0.1) < 2
    assert spread(0.1, 0.0, 0.1) == 0


def test_a_ranking_round_trips_and_belongs_to_its_weights(model, ranking, tmp_path):
    path = tmp_path / "head_ranking.json"
    save_ranking(ranking, path)
    assert load_ranking(model, path) == load_ranking(model, ranking_bytes(ranking)) == ranking
    other = msgspec.structs.replace(ranking, fingerprint="0123456789abcdef")
    save_ranking(other, path)
    with pytest.raises(InputError, match=r"ranks the heads of weights 0123456789abcdef, tiny has"):
        load_ranking(model, path)
    one_layer = {separation: grid[:1] for separation, grid in ranking.precision.items()}
    for half in ({"precision": one_layer}, {"chance": {}}, {"k_sweep": ()}):
        with pytest.raises(InputError, match="the file does not rank every head of tiny at every separation"):
            load_ranking(model, ranking_bytes(msgspec.structs.replace(ranking, **half)))
    path.write_text("{}")
    with pytest.raises(InputError, match=r"head_ranking\.json is not a ranking of heads"):
        load_ranking(model, path)


def test_a_ranking_beside_the_weights_is_the_models_own(model, ranking, tmp_path, monkeypatch):
    monkeypatch.setenv("PLMSCOPE_MODELS", str(tmp_path))
    assert kept_ranking(model) is None
    (tmp_path / f"{model.name}.pt").touch()
    assert kept_ranking(model) is None
    save_ranking(ranking, tmp_path / f"{model.name}-head_ranking.json")
    assert kept_ranking(model) == ranking
    embedded = load_model("embedded")
    shipped = kept_ranking(embedded)
    assert shipped is not None
    assert shipped.fingerprint == embedded.fingerprint


def test_progress_covers_ranking_and_sweep(model, proteins):
    heard = Heard()
    rank_heads(model, proteins, progress=heard)
    assert heard.events == [(done, 8) for done in range(1, 9)]


def test_too_few_or_too_short_proteins_are_one_clear_line(model, proteins):
    two = dict(list(proteins.items())[:2])
    with pytest.raises(InputError, match="at least 3 labelled proteins, not 2"):
        rank_heads(model, two)
    short = LabelledProtein("short", "A" * 20, ((0, 10),), (), "by hand")
    with pytest.raises(InputError, match="short is too short for long-range contacts"):
        rank_heads(model, proteins | {"short": short})
