"""The whole command on a tiny random model that likes M, run once; then what it wrote."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import esm.model.esm2
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from core.alphabet import TOKENS, tokenize
from core.analyses.bos_knockouts import bos_knockouts
from core.answers.split import split
from core.experiments.start_codon import EXPERIMENT
from core.interventions import AblateHead, Head, PatchActivation, Source
from core.metrics import target_gap
from core.model import Model, load_model
from core.proteins.evaluation_sets import DIAGNOSTICS, evaluation_set
from core.run import run

KNOWN = {"one": "MKTAYIAKQRQISFVKSH", "two": "MALWMRLLPLLALLALWG", "one (2)": "GSHMRLLPLLALLALWGPDP"}
FASTA = "".join(f">{name.removesuffix(' (2)')}\n{sequence}\n" for name, sequence in KNOWN.items())


@pytest.fixture(scope="module")
def likes_m(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random ESM-2 of 2 layers x 2 heads x 16 whose unembedding leans towards M, so that M ranks first mostly."""
    generator = torch.Generator().manual_seed(1)
    with torch.random.fork_rng():  # its biases begin at random too
        torch.manual_seed(0)
        module = esm.model.esm2.ESM2(num_layers=2, embed_dim=16, attention_heads=2)
    state = {name: tensor for name, tensor in module.state_dict().items() if name != "lm_head.weight"}
    for name, tensor in state.items():
        if tensor.ndim == 2:
            state[name] = 0.5 * torch.randn(tensor.shape, generator=generator)
    state["lm_head.bias"][TOKENS.index("M")] += 3.0
    folder = tmp_path_factory.mktemp("likes-m")
    save_file(state, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"n_layers": 2, "n_heads": 2, "d_model": 16}))
    return folder


@pytest.fixture(scope="module")
def model(likes_m: Path) -> Model:
    return load_model(likes_m)


def call(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "core.experiments", "start-codon", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def out(likes_m: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one call with two workers wrote."""
    folder = tmp_path_factory.mktemp("out")
    (folder / "set.fasta").write_text(FASTA)
    done = call("--model", likes_m, "--proteins", folder / "set.fasta", "--out", folder, "--workers", 2)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def results(out: Path) -> dict:
    return json.loads((out / "results.json").read_text())


def table(out: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(out / "tables" / f"{name}.csv")


def test_every_part_has_its_section_tables_and_values_beside_the_papers(out: Path, results: dict):
    page = (out / "report.html").read_text()
    answered = set(results["parts"]) | {entry["measurement"] for entry in results["left_out"]}
    assert answered >= set(EXPERIMENT.parts)
    for name, part in results["parts"].items():
        assert f'<h2 id="{name}">' in page
        assert part["comparisons"]
        assert all((out / file).is_file() for file in part["tables"])


def test_the_set_is_known_proteins_shuffles_random_strings_and_diagnostics(out: Path, results: dict):
    assert results["settings"] == {
        "proteins": str(out / "set.fasta"),
        "sequences": 29,
        "internal_residues": "11",
        "seed": 0,
    }
    subjects = table(out, "start").subject.tolist()
    assert subjects[:3] == ["one", "two", "one (2)"]
    assert subjects[-8:] == list(DIAGNOSTICS)


def test_every_finding_names_how_many_it_is_over_or_that_they_are_too_few(results: dict):
    for name, part in results["parts"].items():
        assert re.search(r"\d+ (of|sequences|masks|proteins)|\d+ residues of", part["finding"]), (name, part["finding"])


def test_real_proteins_alone_stand_beside_the_papers_500(out: Path, results: dict):
    start = table(out, "start").set_index("subject")
    real = [name for name, sequence in KNOWN.items() if not sequence.startswith("M")]
    expected = f"{(start['rank'][real] == 1).sum()} of {len(real)} real proteins"
    assert results["parts"]["first-residue"]["comparisons"][3]["ours"] == expected


def test_gaps_are_those_of_the_model(out: Path, model: Model):
    start = table(out, "start").set_index("subject")
    for name, sequence in {"one": KNOWN["one"], "poly-A": "A" * 20}.items():
        logits = run(model, tokenize(sequence, [0])).logits[0, 1]
        assert start.gap[name] == pytest.approx(float(target_gap(logits, "M")), abs=1e-5)
        assert start["rank"][name] == 1 + int((logits[4:24] > logits[TOKENS.index("M")]).sum())


def test_the_main_head_is_the_one_that_costs_most(out: Path, results: dict, model: Model):
    predicting = table(out, "start").query("rank == 1").subject.tolist()
    by_sequence = table(out, "ablation-by-sequence")
    assert sorted(set(by_sequence.subject)) == sorted(predicting)
    masked = by_sequence[(by_sequence.scope == "mask") & by_sequence.component.str.contains("H")]
    sequences = {member.name: member.sequence for member in evaluation_set(list(KNOWN.items()))}
    choosing = split({name: sequences[name] for name in predicting}).choosing
    main = masked[masked.subject.isin(choosing)].groupby("component").logit_drop.mean().idxmax()
    assert results["parts"]["ablation"]["comparisons"][3]["ours"].split(", ")[0] == main
    if "one" in predicting:
        tokens = tokenize(KNOWN["one"], [0])
        logits = run(model, tokens, [(), (AblateHead(Head.parse(main), "mask"),)]).logits[:, 1, TOKENS.index("M")]
        drop = masked[(masked.subject == "one") & (masked.component == main)].logit_drop.item()
        assert drop == pytest.approx(float(logits[0] - logits[1]), abs=1e-5)


def test_knockouts_of_the_main_head_are_those_of_the_analysis(out: Path, results: dict, model: Model):
    main = Head.parse(results["parts"]["ablation"]["comparisons"][3]["ours"].split(", ")[0])
    predicting = table(out, "start").query("rank == 1").subject.tolist()
    sequences = {member.name: member.sequence for member in evaluation_set(list(KNOWN.items()))}
    judging = split({name: sequences[name] for name in predicting}).judging
    gaps = [bos_knockouts(model, tokenize(sequence, [0]), [main]).gap for sequence in judging.values()]
    found = table(out, "bos-knockouts").query("heads == 'main head' and test == 'necessity'")
    assert found.gap.tolist() == pytest.approx(list(sum(gaps) / len(gaps)), abs=1e-5)


def test_the_control_is_flat_and_the_attribution_adds_up(out: Path):
    shift = table(out, "rope-shift")
    assert shift[shift.side == "qk"].largest_change.max() < 1e-5
    assert shift[shift.side == "q"].largest_change.max() > 1e-3
    bands = table(out, "bands")
    assert (bands.norm + bands.direction).to_numpy() == pytest.approx(bands.difference.to_numpy(), abs=1e-12)
    assert bands.weight.sum() == pytest.approx(1)


def test_tables_hold_the_bands_and_curves_of_their_figures(out: Path):
    """Deviations are those of what was measured, sequence by sequence and order by order."""
    measured = pd.concat(map(pd.read_csv, sorted((out / "measured" / "shifts").glob("*.csv"))))
    queries = measured[measured.side == "q"].groupby("shift")
    shift = table(out, "rope-shift").query("mask == 'first' and side == 'q'").set_index("shift")
    assert shift.gap_sd.to_numpy() == pytest.approx(queries.gap.std(ddof=0)[shift.index].to_numpy(), abs=1e-12)
    assert shift.gap_sd.max() > 0
    cosine = table(out, "rope-shift-cosine").set_index("shift").cosine
    assert cosine[0] == pytest.approx(1, abs=1e-6)
    assert cosine.idxmax() == 0
    broken = pd.concat(map(pd.read_csv, sorted((out / "measured" / "broken_repeat").glob("*.csv"))))
    orders = broken[broken.dropout == "fixed"].groupby("masks")
    destroyed = table(out, "destruction").query("dropout == 'fixed'").groupby("masks")
    assert set(destroyed.size()) == {6}
    assert orders.size()[2] == 6 * 50
    own = table(out, "destruction").query("subject == 'poly-A' and masks == 11 and dropout != 'fixed'").iloc[0]
    assert own["scale"] == pytest.approx((1 - 0.12) / (1 - 11 / 22))
    assert own.target_sd > 0


def test_a_second_call_computes_nothing_and_writes_the_same(out: Path, likes_m: Path):
    before = {path: path.stat().st_mtime_ns for path in (out / "measured").rglob("*.csv")}
    report = (out / "report.html").read_bytes()
    again = call("--model", likes_m, "--proteins", out / "set.fasta", "--out", out, "--workers", 1)
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in (out / "measured").rglob("*.csv")} == before
    assert (out / "report.html").read_bytes() == report


def test_an_interrupted_run_goes_on_where_it_stopped(out: Path, likes_m: Path, tmp_path: Path):
    shutil.copytree(out / "measured", tmp_path / "measured")
    lost = sorted((tmp_path / "measured" / "predicted").glob("*.csv"))[:2]
    assert len(lost) == 2
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "measured").rglob("*.csv") if path not in lost}
    for path in lost:
        path.unlink()
    settings = ("--proteins", out / "set.fasta", "--out", tmp_path, "--workers", 1, "--only", "first-residue")
    assert call("--model", likes_m, *settings).returncode == 0
    assert all(path.is_file() for path in lost)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert (tmp_path / "tables" / "start.csv").read_bytes() == (out / "tables" / "start.csv").read_bytes()


def test_a_chosen_part_and_one_worker_give_the_same_digits(out: Path, likes_m: Path, tmp_path: Path):
    settings = ("--proteins", out / "set.fasta", "--out", tmp_path, "--workers", 1, "--only", "rope-removal,ablation")
    assert call("--model", likes_m, *settings).returncode == 0
    written = sorted(path.name for path in (tmp_path / "tables").iterdir())
    assert written == ["ablation-by-sequence.csv", "ablation.csv", "main-head-replaced.csv", "rope-removal.csv"]
    for name in written:
        assert (tmp_path / "tables" / name).read_bytes() == (out / "tables" / name).read_bytes()


def test_a_dask_cluster_gives_the_same_digits(out: Path, likes_m: Path, tmp_path: Path):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        address = ("--dask", cluster.scheduler_address, "--only", "first-residue,rope-removal")
        done = call("--model", likes_m, "--proteins", out / "set.fasta", "--out", tmp_path, *address)
    assert done.returncode == 0, done.stderr
    for name in ("start.csv", "rope-removal.csv"):
        assert (tmp_path / "tables" / name).read_bytes() == (out / "tables" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--proteins", "{out}/no.fasta"), "error: there is no file {out}/no.fasta"),
        (("--proteins", "{out}/empty.fasta"), "error: empty.fasta is empty"),
        (("--only", "rope-swap,nothing"), "error: no part 'nothing': the parts are first-residue, competition,"),
        (("--model", "esm3"), "error: no model 'esm3'"),
        (("--non-m-starters", "{out}/set.fasta"), "error: {out}/set.fasta: 'one' begins with M, and 1 more do"),
        (
            ("--internal", "11,1"),
            "error: '1' is not an internal residue: write them counted from 1, from 2",
        ),
        (("--internal", "ten"), "error: 'ten' is not an internal residue"),
        (("--workers", "0"), "error: at least one worker is needed, not 0"),
        (("--dask", "nonsense://nowhere:1"), "error: no Dask scheduler answers at 'nonsense://nowhere:1': unknown"),
        *(
            (("--dask", address), f"error: no Dask scheduler answers at '{address}': an address is a host and a port")
            for address in ("nonsense", "tcp://nowhere", "tcp://:8786", "nowhere:0", "tcp://nowhere:1/")
        ),
        (("--dask", "nowhere:99999"), "error: no Dask scheduler answers at 'nowhere:99999': Port out of range"),
    ],
)
def test_bad_input_is_one_clear_line(out: Path, likes_m: Path, arguments: tuple[str, ...], message: str):
    (out / "empty.fasta").write_text("")
    given = [argument.format(out=out) for argument in arguments]
    defaults = {"--model": likes_m, "--proteins": out / "set.fasta", "--out": out / "unused"}
    settings = {**defaults, **dict(zip(given[::2], given[1::2], strict=True))}
    failed = call(*(part for pair in settings.items() for part in pair))
    assert failed.returncode == 2
    assert failed.stderr.startswith(message.format(out=out))
    assert failed.stderr.count("\n") == 1


def test_a_map_over_positions_is_the_mean_over_all_internal_masks(likes_m: Path, model: Model, tmp_path: Path):
    """Two residues, given in any order; one sequence lacks the second, which is said and leaves the other in."""
    (tmp_path / "set.fasta").write_text(FASTA)
    settings = ("--proteins", tmp_path / "set.fasta", "--out", tmp_path, "--workers", 1, "--only", "patching")
    done = call("--model", likes_m, *settings, "--internal", "19, 11")
    assert done.returncode == 0, done.stderr
    assert re.search(r"left out: .+, masked residue 19: it has 1[1-8] residues", done.stderr)
    assert "Corrupted: residue 11 or 19 of the same sequence is." in (tmp_path / "report.html").read_text()
    found = table(tmp_path, "patching-stream").set_index(["layer", "place"])
    members = {member.name: member.sequence for member in evaluation_set(list(KNOWN.items()))}
    modules = table(tmp_path, "patching-modules").set_index(["site", "layer"])
    gaps: dict[str, list[float]] = {"+3": [], "mask to mask": [], "mlp_out": []}
    first = {name: run(model, tokenize(sequence, [0])).logits[0, 1] for name, sequence in members.items()}
    predicting = {name: members[name] for name, logits in first.items() if target_gap(logits, "M") > 0}
    for sequence in split(predicting).judging.values():
        clean = tokenize(sequence, [0])
        for residue in (10, 18):
            if residue >= len(sequence):
                continue
            internal = tokenize(sequence, [residue])
            patches = {"+3": ("resid_pre", (residue + 3,)), "mask to mask": ("resid_pre", "mask")}
            for place, (site, scope) in (patches | {"mlp_out": ("mlp_out", "mask")}).items():
                if place == "+3" and residue + 3 >= len(sequence):
                    continue
                patch = PatchActivation(site, 1, Source(tuple(clean.tolist())), scope=scope)
                logits = run(model, internal, [(patch,)]).logits[0, residue + 1]
                gaps[place].append(float(target_gap(logits, "M")))
    assert 0 < len(gaps["+3"]) <= len(gaps["mask to mask"])
    by_module = gaps.pop("mlp_out")
    assert modules.gap["mlp_out", 1] == pytest.approx(sum(by_module) / len(by_module), abs=1e-4)
    for place, values in gaps.items():
        assert found.gap[1, place] == pytest.approx(sum(values) / len(values), abs=1e-4)


def test_an_internal_residue_that_no_protein_has_is_one_clear_line(out: Path, likes_m: Path, tmp_path: Path):
    settings = ("--proteins", out / "set.fasta", "--out", tmp_path, "--internal", 900, "--only", "rope-shift")
    done = call("--model", likes_m, *settings)
    assert done.returncode == 0
    assert len(done.stderr.strip().splitlines()) == 1
    assert "cannot mask residue 900: the longest sequence where M ranks first has" in done.stderr
