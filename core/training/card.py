"""`python -m core.training.card`: measure the embedded model on what it wasn't trained on, and write its card."""

import json
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
import typer

from core.alphabet import AMINO_ACIDS
from core.analyses.categorical_jacobian import CHEAP, categorical_jacobian
from core.analyses.contact_calibration import binned, calibrate
from core.analyses.contact_evaluation import FEWEST, precisions
from core.analyses.head_ranking import head_precisions
from core.contacts import contact_map, heads_map
from core.errors import InputError
from core.interventions import Head
from core.model import Model, load_model
from core.proteins.evaluation_sets import shuffled
from core.proteins.examples import load_example
from core.proteins.labelled import LabelledProtein
from core.training import baselines, methionine
from core.training.card_text import render
from core.training.families import Collection, load_collection, read_fasta
from core.training.held_out import perplexity
from core.training.network import Network
from core.training.structures import families_of, judging, read_structures
from core.training.weights import load_weights

LONGEST: Final = 300
"""Residues of the proteins at large that the prior and the circuit are measured on."""
N_PRIOR: Final = 100
N_RANDOM: Final = 200
N_CHOOSING: Final = 8
"""Held-out proteins that the heads are found on."""
N_CHECKING: Final = 50
"""Others, that they are checked on."""
N_READERS: Final = 4
N_CANDIDATES: Final = 12
POLY_LONGEST: Final = 30
POLY_LENGTH: Final = 20
ORDERS: Final = 20
LONGEST_JACOBIAN: Final = 60
"""Residues up to which structures of untrained families get a Jacobian; those of trained families always do."""
LONGEST_FULL_JACOBIAN: Final = 130
"""Residues up to which it is taken over all amino acids; beyond, over five of them, which is four times as fast."""

SHIFTED: Final = "ubiquitin"
"""The example in which the readout's queries are shifted, as in the paper."""
CURVE_NOTE: Final = "150 proteins at large, 40 members of each family"

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def perplexities(folder: Path, model: Model, collection: Collection, n_at_large: int | None) -> dict[str, Any]:
    """Held-out perplexity of the model, of the training composition and of position-free guessing."""
    network = Network(model.shape.n_layers, model.shape.d_model, model.shape.n_heads)
    load_weights(network, folder)
    at_large = list(np.random.default_rng(0).permutation(np.array(collection.held_out, dtype=object))[:n_at_large])
    shares = baselines.composition(collection.trained)
    rows = [("at large", at_large, True, shares)]
    rows += [
        (s.family.name, list(s.held_out), s.family.whole_proteins, baselines.composition(s.trained))
        for s in collection.families
    ]
    return {
        name: {
            "n": len(sequences),
            "model": perplexity(network, sequences, whole_proteins, n_masks=1),
            "unigram": baselines.unigram_perplexity(sequences, composition),
            "position_free": baselines.position_free_perplexity(sequences, composition),
        }
        for name, sequences, whole_proteins, composition in rows
    }


def methionine_figures(model: Model, data: Path, collection: Collection) -> dict[str, Any]:
    """The prior on every set, the heads that carry it, and what outvotes it."""
    rng = np.random.default_rng(0)
    starters = _starters(collection, rng)
    known = [sequence for _, sequence in read_fasta(data / "known20.fasta")]
    sets = {
        "held-out proteins that start with M": starters[:N_PRIOR],
        "known20": known,
        "known20, shuffled": [shuffled(sequence, rng) for sequence in known],
        "random strings of 30": ["".join(rng.choice(list(AMINO_ACIDS), size=30)) for _ in range(N_RANDOM)],
        "proteins that don't start with M": [sequence for _, sequence in read_fasta(data / "non_m_start.fasta")],
    }
    choosing, checking = starters[N_PRIOR:][:N_CHOOSING], starters[N_PRIOR + N_CHOOSING :][:N_CHECKING]
    ablated = methionine.ablations(model, choosing)
    first = methionine.readout(model, choosing, ablated)
    readers = methionine.bos_readers(model, choosing, first, N_READERS, N_CANDIDATES)
    poly_x, met = methionine.crossings(model, POLY_LONGEST), methionine.repeats_in(collection.trained)
    return {
        "prior": _records(methionine.prior(model, sets)),
        "ablations": _records(ablated),
        "readers": [str(head) for head in readers],
        "blocked": _records(methionine.blocked_rates(model, checking, readers)),
        "upstream": {
            str(head): _records(methionine.upstream(model, choosing[:4], head)) for head in readers[:3] if head.layer
        },
        "poly_longest": POLY_LONGEST,
        "poly_x": _records(poly_x),
        "poly_x_met": _records(met),
        "poly_x_agreement": methionine.agreement(dict(zip(poly_x.letter, poly_x.last_gap, strict=True)), met),
        "poly_a_masked": _records(methionine.recovery(model, "A", ORDERS)),
        "poly_x_evidence": _records(methionine.evidence(model, POLY_LENGTH, readers[0])),
    }


def readout_figures(model: Model, readout: Head, collection: Collection) -> dict[str, Any]:
    """What the head that brings M to the mask writes there, and how it finds BOS."""
    checking = _starters(collection, np.random.default_rng(0))[N_PRIOR + N_CHOOSING :][:N_CHECKING]
    protein = load_example(SHIFTED)
    return {
        "head": str(readout),
        "n": len(checking),
        "written": methionine.written(model, checking, readout),
        "shifted_in": protein.name,
        "shifted": methionine.shifted(model, protein.sequence, readout),
    }


def _starters(collection: Collection, rng: np.random.Generator) -> list[str]:
    """Held-out proteins at large that start with M, in a random order."""
    starters = [s for s in collection.held_out if s.startswith("M") and len(s) <= LONGEST]
    return list(rng.permutation(np.array(starters, dtype=object)))


def contact_figures(model: Model, config: Mapping[str, Any], data: Path, collection: Collection) -> dict[str, Any]:
    """Precision on every structure that the contact head wasn't fitted on."""
    proteins = read_structures(data / "psicov_pdb")
    families = families_of(proteins, collection.families)
    fitted = config["contact_head_fit"]["fitted_on"]
    single, _ = _best_head(model, [proteins[name] for name in fitted])
    judged, left_out = judging(proteins, fitted)
    scores = [
        _scores(model, protein, single, name in families or len(protein.sequence) <= LONGEST_JACOBIAN).assign(
            protein=name, family=families.get(name), residues=len(protein.sequence)
        )
        for name, protein in judged.items()
    ]
    own = {name: _best_head(model, [judged[name]]) for name in families if name in judged}
    return {
        "fit": config["contact_head_fit"],
        "fitted_families": {name: families[name] for name in fitted if name in families},
        "single_head": str(single),
        # each structure's own best head, chosen on itself: the most that a single head shows, not a fair score
        "best_head_of_each": {
            name: {"head": str(head), "precision": precision} for name, (head, precision) in own.items()
        },
        "left_out": left_out,
        "calibration": _calibration(model, judged),
        "scores": _records(pd.concat(scores, ignore_index=True)),
    }


def _calibration(model: Model, judged: Mapping[str, LabelledProtein]) -> dict[str, Any] | None:
    """What the contact probabilities are worth, None where too few proteins judge."""
    if len(judged) < FEWEST:
        return None
    found = calibrate(
        model, judged, {name: binned(each, contact_map(model, each.tokens)) for name, each in judged.items()}
    )
    return {"finding": found.finding(), "tenths": found.tenths}


def _best_head(model: Model, proteins: Sequence[LabelledProtein]) -> tuple[Head, float]:
    """The head whose own map has the best mean long-range P@L/2, and that precision."""
    mean = np.nanmean([head_precisions(model, protein, repeats=1).found["long"] for protein in proteins], axis=0)
    layer, index = np.unravel_index(mean.argmax(), mean.shape)
    return Head(int(layer), int(index)), float(mean.max())


def _scores(model: Model, protein: LabelledProtein, single: Head, with_jacobian: bool) -> pd.DataFrame:
    """P@L, L/2 and L/5 of the contact head, of one head and, where asked for, of the Jacobian, which is slow."""
    maps = {
        "contact head": contact_map(model, protein.tokens),
        f"head {single}": heads_map(model, protein.tokens, [single]),
    }
    if with_jacobian and len(protein.sequence) <= LONGEST_FULL_JACOBIAN:
        maps["Categorical Jacobian"] = categorical_jacobian(model, protein.tokens)
    elif with_jacobian:
        cheap = f"Categorical Jacobian, {len(CHEAP)} substitutions"
        maps[cheap] = categorical_jacobian(model, protein.tokens, substitutions=CHEAP)
    return precisions(protein, maps)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data, a missing number as None."""
    return json.loads(str(table.to_json(orient="records")))


def _measured(parts: Mapping[str, Callable[[], dict[str, Any]]], processes: int) -> dict[str, Any]:
    """Every part's figures, measured side by side where there are processes for it."""
    if processes == 1:
        return {name: measure() for name, measure in parts.items()}
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        pending = {name: pool.submit(measure) for name, measure in parts.items()}
        return {name: future.result() for name, future in pending.items()}


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="Folder with the sequences and structures.")],
    model: Annotated[Path, typer.Option(help="Folder of the shipped model.")],
    out: Annotated[Path, typer.Option(help="The card; its figures go beside it as card.json.")],
    run: Annotated[
        list[Path] | None, typer.Option(help="Folder of a training run, for its held-out curve; once for each.")
    ] = None,
    curve_note: Annotated[str, typer.Option(help="What that curve was measured on.")] = CURVE_NOTE,
    machine: Annotated[str, typer.Option(help="What it was trained on, in words.")] = "",
    remarks: Annotated[str, typer.Option(help="What else the card should say of the training.")] = "",
    at_large: Annotated[int | None, typer.Option(help="Held-out proteins at large to read; all without.")] = None,
    seed: Annotated[int, typer.Option(help="Of the split of the families: the training run's.")] = 0,
    processes: Annotated[int, typer.Option(help="Parts of the card that are measured side by side.")] = 1,
    readout_only: Annotated[
        bool, typer.Option(help="Measure the readout head again, all else as it is in card.json.")
    ] = False,
) -> None:
    """Measure everything the card says and write it, as text and as JSON."""
    try:
        config = json.loads((model / "config.json").read_text())
        loaded, collection = load_model(model), load_collection(data, seed)
        if readout_only:
            figures: dict[str, Any] = json.loads(out.with_name("card.json").read_text())
        else:
            figures = {"training": config["training"], "machine": machine, "remarks": remarks}
            figures["n_parameters"] = loaded.n_parameters
            figures["shape"] = {key: config[key] for key in ("n_layers", "n_heads", "d_model")}
            figures["fingerprint"] = loaded.fingerprint
            figures["longest_full_jacobian"] = LONGEST_FULL_JACOBIAN
            figures |= _measured(
                {
                    "methionine": partial(methionine_figures, loaded, data, collection),
                    "perplexity": partial(perplexities, model, loaded, collection, at_large),
                    "contacts": partial(contact_figures, loaded, config, data, collection),
                },
                processes,
            )
        if run or not readout_only:
            figures["curve"] = [row for each in run or () for row in _records(pd.read_csv(each / "held_out.csv"))]
            figures["curve_note"] = curve_note
        figures["readout"] = readout_figures(loaded, Head.parse(figures["methionine"]["readers"][0]), collection)
        out.with_name("card.json").write_text(json.dumps(figures, indent=1) + "\n")
        out.write_text(render(figures))
    except (InputError, FileNotFoundError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
