"""The contacts command from a folder to a report, who chooses and who judges, and random weights at chance."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from core.analyses.categorical_jacobian import CHEAP, categorical_jacobian, representation_jacobian
from core.analyses.head_ranking import load_ranking, rank_heads
from core.analyses.map_agreement import map_agreement
from core.contacts import heads_map
from core.errors import InputError
from core.experiments.__main__ import app
from core.experiments.contacts import EXPERIMENT, measures
from core.experiments.contacts.command import chosen_chains, find_relatives
from core.experiments.contacts.split import Split, fitted_on, model_notes, split
from core.experiments.contacts.study import Study
from core.experiments.survey import Survey
from core.model import Model
from core.proteins.contact_scores import precision_at
from core.proteins.examples import EXAMPLES_FOLDER, load_example
from core.proteins.labelled import LabelledProtein
from core.proteins.listed import ListedStructure, find_listed
from core.proteins.relatives import relatives
from core.training.families import FAMILIES


def made_up(count: int, length: int = 44, seed: int = 0) -> dict[str, LabelledProtein]:
    """Random sequences with contacts that have nothing to do with them."""
    generator = np.random.default_rng(seed)
    found = {}
    for number in range(count):
        sequence = "".join(generator.choice(list("ACDEFGHIKLMNPQRSTVWY"), length))
        contacts = np.triu(generator.random((length, length)) < 0.15)
        name = f"p{number:02}"
        found[name] = LabelledProtein.from_arrays(
            name, sequence, contacts, generator.random(length) < 0.95, "by chance"
        )
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as CAMEO-PTA25 is kept: twelve usable proteins, one too short, one whose contacts are missing."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "contacts").mkdir()
    proteins = made_up(12)
    for name, protein in proteins.items():
        contacts, known = protein.truth()
        np.savez(folder / "contacts" / f"{name}.npz", contacts=contacts, valid_residues=known.diagonal())
    np.savez(folder / "contacts" / "short.npz", contacts=np.eye(9, dtype=bool), valid_residues=np.ones(9, dtype=bool))
    sequences = {name: protein.sequence for name, protein in proteins.items()} | {"short": "MKTAYIAKQ", "gone": "MKTA"}
    (folder / "sequences.fasta").write_text("".join(f">{name}\n{sequence}\n" for name, sequence in sequences.items()))
    return folder


@pytest.fixture(scope="module")
def out(folder: Path, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that the command writes about a random model."""
    out = tmp_path_factory.mktemp("out")
    arguments = ["contacts", "--structures", str(folder), "--out", str(out), "--model", str(model_folder)]
    arguments += ["--choosing", "4", "--workers", "2", "--stored-truth", "drawn by chance"]
    arguments += ["--hidden-layer", "1", "--numbers", "bfloat16"]
    arguments += ["--hidden-layer", "1", "--numbers", "bfloat16"]
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    return out


def test_the_command_writes_every_table_and_one_report(out: Path):
    names = {path.stem for path in (out / "tables").iterdir()}
    assert {"heads", "chance-heads", "k-sweep", "labels", "precision-8", "precision-recall", "win-rates"} <= names
    assert {"calibration", "jacobian-agreement"} <= names
    results = json.loads((out / "results.json").read_text())
    assert list(results["parts"]) == list(EXPERIMENT.parts)
    report = (out / "report.html").read_text()
    assert report.count("plotly.js v") == 1
    assert "<details open>\n<summary>Table precision-summary-8" in report, "short tables are seen at once"
    assert "<details>\n<summary>Table k-sweep" in report


def test_what_counted_as_a_contact_is_said(out: Path):
    assert json.loads((out / "results.json").read_text())["settings"]["contact"] == "drawn by chance"
    assert "Contacts: drawn by chance; pairs that are not resolved" in (out / "report.html").read_text()


def test_jacobians_are_computed_in_the_numbers_asked_for(out: Path, tiny: Model):
    assert json.loads((out / "results.json").read_text())["settings"]["jacobians_computed_in"] == "bfloat16"
    protein = made_up(1)["p00"]
    halved = measures.jacobians(tiny, protein, None, "bfloat16")
    predicted = categorical_jacobian(tiny.to(torch.bfloat16), protein.tokens)
    expected = measures.judged(protein, {measures.JACOBIAN: predicted})
    shown = halved.loc[halved.method == measures.JACOBIAN, list(expected)].reset_index(drop=True)
    pd.testing.assert_frame_equal(shown, expected[expected.method == measures.JACOBIAN].reset_index(drop=True))
    assert not measures.jacobians(tiny, protein, None).value.equals(halved.value)


def test_proteins_that_cannot_be_used_are_left_out_with_their_reason(out: Path):
    reasons = {each["subject"]: each["reason"] for each in json.loads((out / "results.json").read_text())["left_out"]}
    assert "short is too short for long-range contacts" in reasons["short"]
    assert "gone.npz does not hold contacts" in reasons["gone"]


def test_nobody_judges_who_chose(out: Path):
    settings = json.loads((out / "results.json").read_text())["settings"]
    chose = set(settings["choosing"].split(", "))
    judged = set(pd.read_csv(out / "tables" / "precision-by-protein.csv").subject)
    assert len(chose) == 4
    assert len(judged) == settings["judged"] == 8
    assert not chose & judged


def test_the_ranking_is_the_engines_own(out: Path, tiny: Model):
    found = load_ranking(tiny, out / "head_ranking.json")
    chosen = {
        name: replace(protein, definition=found.definition)
        for name, protein in made_up(12).items()
        if name in found.proteins
    }
    expected = rank_heads(tiny, chosen)
    np.testing.assert_allclose(found.grid(), expected.grid())
    np.testing.assert_allclose(found.k_sweep, expected.k_sweep)
    assert found.chance == pytest.approx(expected.chance)
    assert found.chance_heads["long"].best == pytest.approx(expected.chance_heads["long"].best)
    assert found.finding() == ("No finding: heads were ranked on 4 proteins, and 6 are the fewest for one.")


def test_summaries_are_means_of_the_proteins_and_every_method_is_there(out: Path):
    by_protein = pd.read_csv(out / "tables" / "precision-by-protein.csv")
    summary = pd.read_csv(out / "tables" / "precision-8.csv")
    assert set(summary.method) == {
        measures.CONTACT_HEAD,
        measures.PROBE,
        measures.BEST_HEAD,
        measures.JACOBIAN,
        measures.CHEAP_JACOBIAN,
        measures.HIDDEN_JACOBIAN,
    } | ({measures.BEST_HEADS} & set(summary.method))
    for row in summary.itertuples():
        chosen = by_protein.query("method == @row.method and separation == @row.separation and at == @row.per")
        assert row.mean == pytest.approx(chosen.value.mean())
        assert row.chance == pytest.approx(chosen.chance.mean())
        assert row.moved == pytest.approx(chosen.moved.mean())
        assert row.above == pytest.approx((chosen.value - chosen[["moved", "chance"]].max(axis=1)).mean())
        assert row.n == len(chosen) == 8
        assert row.low <= row.mean <= row.high


def test_relatives_and_proteins_that_the_contact_head_has_seen_never_choose_or_judge_with_the_rest():
    proteins = made_up(12)
    found = split(proteins, 4, seed=1, relatives=["p03", "elsewhere"], seen=["p05", "p06", "p07"])
    assert set(found.relatives) == {"p03"}
    assert {"p05", "p06", "p07"} <= set(found.choosing), "what cannot judge may choose"
    assert len(found.choosing) == 4
    assert len(found.judged) == 7
    many = split(proteins, 3, seed=1, seen=[f"p{number:02}" for number in range(6)])
    assert len(many.judged) == 6, "three of the seen neither choose nor judge"
    assert split(proteins, 4, seed=1).choosing != split(proteins, 4, seed=2).choosing


def test_a_choosing_protein_that_cannot_be_measured_is_one_clear_line(survey: Survey, tiny: Model):
    proteins = made_up(7)
    broken = split({**proteins, "p00": replace(proteins["p00"], sequence="*" * 44)}, 3, seed=0, seen=["p00"])
    study = Study(survey, tiny, broken, longest=100, hidden_layer=None, seed=0, families={})
    with pytest.raises(InputError, match=r"p00, on which heads are chosen, could not be measured: .*\*"):
        _ = study.ranking


def study_of(survey: Survey, model: Model, divided: Split, longest: int = 100, **settings) -> Study:
    return Study(
        survey, model, divided, **{"longest": longest, "hidden_layer": None, "seed": 0, "families": {}} | settings
    )


def test_the_sweep_over_heads_is_held_against_the_chance_of_those_who_judge(survey: Survey, tiny: Model):
    divided = split(made_up(10), 4, seed=0)
    shares = []
    for protein in divided.judged.values():
        contacts, known = protein.truth()
        far = [(i, j) for i in range(44) for j in range(i + 24, 44) if known[i, j]]
        shares.append(np.mean([contacts[pair] for pair in far]))
    section = EXPERIMENT.parts["how-many-heads"](study_of(survey, tiny, divided))
    assert f"blind picking {np.mean(shares):.3f}" in section.finding
    assert section.finding.count("N = 6") >= 2


def test_methods_are_compared_on_one_set_of_proteins_and_never_on_two(survey: Survey, tiny: Model):
    """Two short proteins have a Jacobian, seven long ones have none: two are no set, so the headline is over nine."""
    proteins = made_up(11) | {
        f"long {name}": replace(each, name=f"long {name}") for name, each in made_up(3, 60, 9).items()
    }
    divided = split(proteins, 3, seed=0)
    short = [name for name, protein in divided.judged.items() if len(protein.sequence) == 44]
    study = study_of(survey, tiny, divided, longest=50)
    sets = study.comparisons()
    assert [len(each.names) for each in sets] == [len(short), len(divided.judged)]
    assert len(short) >= 6
    assert measures.JACOBIAN in sets[0].methods
    assert measures.JACOBIAN not in sets[1].methods
    section = EXPERIMENT.parts["precision"](study)
    assert f"On {len(short)} proteins, long range" in section.finding
    assert f"On {len(divided.judged)} proteins, long range" in section.finding
    for among in sets:
        for row in study.summary(among).itertuples():
            assert row.n == len(among.names)
    areas = EXPERIMENT.parts["precision-recall"](study).tables["precision-recall-area"]
    assert set(areas.n) == {len(short)}
    assert set(EXPERIMENT.parts["win-rates"](study).tables["win-rates"].n) == {len(short)}


def test_the_headline_does_not_switch_to_the_two_that_have_every_method(survey: Survey, tiny: Model):
    proteins = made_up(3) | {
        f"long {name}": replace(each, name=f"long {name}") for name, each in made_up(9, 60, 9).items()
    }
    divided = split(proteins, 3, seed=0, seen=[f"long p0{number}" for number in range(3)])
    study = study_of(survey, tiny, divided, longest=50)
    assert measures.JACOBIAN in study.methods
    (among,) = study.comparisons()
    assert set(among.names) == set(divided.judged)
    assert measures.JACOBIAN not in among.methods
    section = EXPERIMENT.parts["precision"](study)
    assert measures.JACOBIAN not in section.finding
    assert section.comparisons[1].ours == "not measured on 6 proteins"


def test_below_six_proteins_there_is_no_headline_and_no_interval(survey: Survey, tiny: Model):
    study = study_of(survey, tiny, split(made_up(8), 3, seed=0))
    for part in ("how-many-heads", "how-many-labels", "precision", "jacobian-agreement"):
        section = EXPERIMENT.parts[part](study)
        assert section.finding.startswith("No finding: 5 proteins judged"), part
        assert "[" not in section.finding
    for part in ("precision-recall", "win-rates"):
        with pytest.raises(InputError, match="No finding: 5 proteins judged"):
            EXPERIMENT.parts[part](study)


def test_homologues_of_those_who_choose_or_judge_do_not_judge(survey: Survey, tiny: Model):
    proteins = made_up(12)
    first = split(proteins, 4, seed=0)
    chooses, judges = next(iter(first.choosing)), next(iter(first.judged))
    near = "".join("A" if at % 4 == 0 else letter for at, letter in enumerate(proteins[chooses].sequence))
    twin = replace(proteins[judges], name="twin")
    seen = list(first.choosing)
    found = split({**proteins, "twin": twin, "zz near": replace(twin, sequence=near)}, 4, seed=0, seen=seen)
    assert set(found.choosing) == set(first.choosing)
    assert found.left_out["zz near"].endswith(f"identical to {chooses}, which chooses")
    assert found.left_out["twin"] == f"100% identical to {judges}, which judges already"
    assert not {"twin", "zz near"} & set(found.judged)


def test_recent_structures_choose_nothing_and_are_told_apart(survey: Survey, tiny: Model):
    recent = {
        f"new {name}": replace(each, name=f"new {name}", definition="Cα") for name, each in made_up(7, seed=5).items()
    }
    divided = split(made_up(10), 4, seed=0, recent=recent)
    assert set(divided.recent) == set(recent)
    study = study_of(survey, tiny, divided)
    section = EXPERIMENT.parts["precision"](study)
    assert "Counted apart, 7 recent structures (Cα), long range" in section.finding
    by_protein = section.tables["precision-by-protein"]
    assert set(by_protein[by_protein.group == "recent"].subject) == set(recent)
    assert len(study.comparisons()[0].names) == 6, "and not pooled with the others"


def test_heads_chosen_on_fewer_labels_are_judged_on_the_same_proteins(survey: Survey, tiny: Model):
    divided = split(made_up(12), 5, seed=0)
    study = study_of(survey, tiny, divided)
    table = study.label_budgets
    assert sorted(set(table.n_labels)) == [1, 2, 5]
    assert table.groupby("n_labels").subject.apply(set).tolist() == [set(divided.judged)] * 3
    ranking = study.ranking
    for row in table[table.n_labels == 5].itertuples():
        predicted = heads_map(tiny, divided.judged[row.subject].tokens, ranking.heads(ranking.best_k))
        assert row.precision == pytest.approx(precision_at(predicted, *divided.judged[row.subject].truth()).precision)
    section = EXPERIMENT.parts["how-many-labels"](study)
    assert section.finding.startswith("On the same 7 proteins: 1 labelled ")


def test_relatives_are_marked_and_counted_apart(survey: Survey, tiny: Model):
    related = {f"p{number:02}": "kinases" for number in range(7)}
    divided = split(made_up(18), 4, seed=0, relatives=related, seen=["p07"])
    study = study_of(survey, tiny, divided, families=related, seen=["p07"])
    section = EXPERIMENT.parts["precision"](study)
    found = section.tables["precision-by-protein"].query("separation == 'long' and at == 2")
    marked = found[found.family.notna()]
    assert set(marked.subject) == set(related)
    assert set(marked.group) == {"relatives"}
    table = section.tables["precision-summary-7"].set_index("method")
    assert list(table.index) == [*study.methods, "blind picking"]
    assert set(table.N) == {len(divided.judged)} == {7}
    for method in study.methods:
        apart = marked[marked.method == method].value
        judged = found[(found.method == method) & found.family.isna()].value
        assert f"{method} {apart.mean():.3f} [" in section.finding.split("Counted apart")[1]
        assert table.loc[method, "long, P@L/2"].startswith(f"{judged.mean():.3f} [")
    assert "p02 (kinases), p03 (kinases)" in section.finding
    assert "contact head was fitted on 1 structure, none of them judged here" in section.reading


def test_a_single_relative_is_told_as_one_and_without_a_mean(survey: Survey, tiny: Model):
    divided = split(made_up(8), 4, seed=0, relatives=["p02"])
    section = EXPERIMENT.parts["precision"](study_of(survey, tiny, divided, 30, families={"p02": "kinases"}))
    assert "1 protein of families that the model was trained on, p02 (kinases); fewer than 6" in section.finding


def test_jacobians_are_held_against_each_other_without_relatives(survey: Survey, tiny: Model):
    divided = split(made_up(12), 4, seed=0, relatives=["p02", "p05"])
    study = study_of(survey, tiny, divided, hidden_layer=1, families={"p02": "kinases", "p05": "kinases"})
    section = EXPERIMENT.parts["jacobian-agreement"](study)
    table = section.tables["jacobian-agreement"].set_index("subject")
    assert set(table.index) == set(divided.judged)
    assert len(divided.judged) == 6
    name, protein = next(iter(divided.judged.items()))
    full = categorical_jacobian(tiny, protein.tokens)
    for method, other in (
        (measures.CHEAP_JACOBIAN, categorical_jacobian(tiny, protein.tokens, substitutions=CHEAP)),
        (measures.HIDDEN_JACOBIAN, representation_jacobian(tiny, protein.tokens, layer=1)),
    ):
        agreement = map_agreement(other, full)
        assert table.loc[name, f"{method}, rank correlation"] == pytest.approx(
            agreement.rank_correlation,
            abs=1e-3,  # ranks of nearly equal pairs turn on the last bits of float32
        )
        assert table.loc[name, f"{method}, top L shared"] == pytest.approx(agreement.shared)
    assert section.finding.count("N = 6") == 10
    assert section.finding.count("(above chance by ") == 4


def test_too_few_proteins_are_one_clear_line(folder: Path, model_folder: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"too few labelled proteins: 10 choose heads .* 9 can be used"):
        split(made_up(9), 10, seed=0)
    arguments = ["contacts", "--structures", str(folder), "--out", str(tmp_path), "--model", str(model_folder)]
    ran = CliRunner().invoke(app, [*arguments, "--choosing", "11"])
    assert "too few labelled proteins" in str(ran.exception)


def test_random_weights_are_at_chance_by_every_method(survey: Survey, tiny: Model):
    proteins = made_up(24, seed=3)
    study = study_of(survey, tiny, split(proteins, 4, seed=0), hidden_layer=1)
    values = study.values()
    (among,) = study.comparisons()
    chance = study.summary(among).query("separation == 'long' and per == 2").set_index("method").chance
    assert len(values) == 20
    assert set(values.columns) >= {measures.PROBE, measures.JACOBIAN, measures.HIDDEN_JACOBIAN, measures.BEST_HEAD}
    for method in values.columns:
        error = values[method].std() / np.sqrt(len(values))
        assert abs(values[method].mean() - chance[method]) < 4 * error, method
    finding = EXPERIMENT.parts["win-rates"](study).finding
    assert finding == "By the sign test over 20 proteins (adjusted p < 0.05): no difference between any two is shown."


def test_a_long_protein_has_no_jacobian_and_says_so(survey: Survey, tiny: Model):
    study = study_of(survey, tiny, split(made_up(8), 4, seed=0), longest=30)
    assert measures.JACOBIAN not in study.methods
    assert survey.left_out["jacobians", "4 proteins"].startswith("more than 30 residues: ")
    section = EXPERIMENT.parts["precision"](study)
    assert section.comparisons[1].ours == "not measured on 6 proteins"
    with pytest.raises(InputError, match="no protein of at most 30 residues"):
        EXPERIMENT.parts["jacobian-agreement"](study)


def test_relatives_are_found_by_alignment():
    family = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILSRVGDGTQDNLSGAEK"] * 3
    cousin = family[0].replace("QISFV", "NLTFI")
    found = relatives({"cousin": cousin, "stranger": "GSGSGSPPNDWWCC" * 4, "rare": cousin + "UO"}, {"made up": family})
    assert found == {"cousin": "made up", "rare": "made up"}


def test_the_embedded_models_lists_know_a_structure_by_its_sequence_and_by_its_name():
    sequences = {"copy of bpti": load_example("bpti").sequence, "1AOE_A": "MKTA", "1aoease": "MKTA"}
    found, how = find_relatives(sequences, "embedded", None)
    assert found == {"copy of bpti": "Kunitz", "1AOE_A": "DHFR"}
    assert how == "by the names and sequences listed with the model"
    fitted = fitted_on(model_notes("embedded"))
    seen = find_listed({"renamed": load_example("ubiquitin").sequence, "pdb1aba": "MKTA", "1abc": "MKTA"}, fitted)
    assert {name: each.name for name, each in seen.items()} == {"renamed": "ubiquitin", "pdb1aba": "1aba"}


def test_how_relatives_were_found_is_said_as_it_was(tmp_path: Path):
    bpti = {"BPTI": load_example("bpti").sequence, "copy": load_example("bpti").sequence}
    assert find_relatives(bpti, str(tmp_path), None) == ({}, "not looked for: no list of them comes with the model")
    (tmp_path / "relatives.csv").write_text("structure,family\nbpti,Kunitz\n")  # as written before digests
    assert find_relatives(bpti, str(tmp_path), None) == ({"BPTI": "Kunitz"}, "by the names listed with the model")
    members = tmp_path / "families.fasta"
    members.write_text(f">{FAMILIES[0].prefix}_1\n{bpti['BPTI']}\n")
    assert find_relatives(bpti, str(tmp_path), members) == (dict.fromkeys(bpti, FAMILIES[0].name), "by alignment")


def test_a_head_fitted_before_digests_is_known_by_names():
    assert fitted_on({"contact_head_fit": {"fitted_on": ["1aba"]}}) == [ListedStructure("1aba")]
    assert fitted_on({}) == []


def test_structures_are_read_from_files(tmp_path: Path, model_folder: Path):
    for name in ("ubiquitin", "bpti", "cro_repressor", "crambin", "hiv_protease"):
        data = (EXAMPLES_FOLDER / f"{name}.pdb.gz").read_bytes()
        (tmp_path / f"{name}.pdb.gz").write_bytes(data)
    arguments = ["contacts", "--structures", str(tmp_path), "--out", str(tmp_path / "out"), "--only", "heads"]
    arguments += ["--chain", "hiv_protease=B", "--chain", "bpti=A"]
    ran = CliRunner().invoke(app, [*arguments, "--model", str(model_folder), "--choosing", "3", "--workers", "1"])
    assert ran.exit_code == 0, ran.output
    settings = json.loads((tmp_path / "out" / "results.json").read_text())["settings"]
    assert settings["contact"] == "Cβ (Cα for glycine) closer than 8 Å"
    assert settings["chains_chosen"] == "B of hiv_protease, A of bpti"
    assert "B of hiv_protease, A of bpti" in (tmp_path / "out" / "report.html").read_text()


def test_chains_are_chosen_as_name_and_chain():
    assert chosen_chains(["1abc=B", "a=b=AA"]) == {"1abc": "B", "a=b": "AA"}
    for value in ("1abc", "=B", "1abc=", ""):
        with pytest.raises(InputError, match=f"^--chain takes NAME=CHAIN, such as 1abc=B, not '{value}'$"):
            chosen_chains([value])
    with pytest.raises(InputError, match=r"^--chain takes one chain of each structure, and '1abc' has A and B$"):
        chosen_chains(["1abc=A", "1abc=B"])
