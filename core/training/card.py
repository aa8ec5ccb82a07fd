"""`python -m core.training.card`: measure the embedded model on what it wasn't trained on, and write its card."""

import json
import multiprocessing
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
import typer

from core.alphabet import AMINO_ACIDS
from core.contacts import heads_map, precision_at
from core.errors import InputError
from core.evaluation_sets import shuffled
from core.model import Esm2, load_model
from core.training import baselines, methionine
from core.training.card_text import render
from core.training.contact_head import Example, LabelledProtein
from core.training.contact_scores import best_single_head, score_contacts
from core.training.families import Collection, load_collection, read_fasta
from core.training.held_out import perplexity
from core.training.network import Network
from core.training.shipping import load_weights
from core.training.structures import families_of, read_structures

LONGEST: Final = 300
"""Residues of the proteins at large that the prior and the circuit are measured on."""
N_PRIOR: Final = 200
N_RANDOM: Final = 200
N_CHOOSING: Final = 16
"""Held-out proteins that the heads are found on."""
N_CHECKING: Final = 100
"""Others, that they are checked on."""
N_READERS: Final = 4
N_CANDIDATES: Final = 12
POLY_LONGEST: Final = 30
ORDERS: Final = 20
LONGEST_JACOBIAN: Final = 75
"""Residues up to which structures of untrained families get a Jacobian; those of trained families always do."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def perplexities(folder: Path, model: Esm2, collection: Collection, n_at_large: int | None) -> dict[str, Any]:
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
            "model": perplexity(network, sequences, whole_proteins, n_masks=1 if name == "at large" else 3),
            "unigram": baselines.unigram_perplexity(sequences, composition),
            "position_free": baselines.position_free_perplexity(sequences, composition),
        }
        for name, sequences, whole_proteins, composition in rows
    }


def methionine_figures(model: Esm2, data: Path, collection: Collection) -> dict[str, Any]:
    """The prior on every set, the heads that carry it, and what outvotes it."""
    rng = np.random.default_rng(0)
    starters = [s for s in collection.held_out if s.startswith("M") and len(s) <= LONGEST]
    starters = list(rng.permutation(np.array(starters, dtype=object)))
    known = [sequence for _, sequence in read_fasta(data / "known20.fasta")]
    sets = {
        "held-out proteins that start with M": starters[:N_PRIOR],
        "known20": known,
        "known20, shuffled": [shuffled(sequence, rng) for sequence in known],
        "random strings of 30": ["".join(rng.choice(list(AMINO_ACIDS), size=30)) for _ in range(N_RANDOM)],
        "proteins that don't start with M": [sequence for _, sequence in read_fasta(data / "non_m_start.fasta")],
    }
    choosing, checking = starters[N_PRIOR:][:N_CHOOSING], starters[N_PRIOR + N_CHOOSING :][:N_CHECKING]
    readers = methionine.bos_readers(model, choosing, N_READERS, N_CANDIDATES)
    return {
        "prior": _records(methionine.prior(model, sets)),
        "ablations": _records(methionine.ablations(model, choosing)),
        "readers": [str(head) for head in readers],
        "blocked": _records(methionine.blocked_rates(model, checking, readers)),
        "upstream": {
            str(head): _records(methionine.upstream(model, choosing[:8], head)) for head in readers[:3] if head.layer
        },
        "poly_longest": POLY_LONGEST,
        "poly_x": _records(methionine.crossings(model, POLY_LONGEST)),
        "poly_a_masked": _records(methionine.recovery(model, "A", ORDERS)),
        "poly_a_evidence": methionine.evidence(model, "A", 20),
    }


def contact_figures(model: Esm2, config: Mapping[str, Any], data: Path, collection: Collection) -> dict[str, Any]:
    """Precision on every structure that the contact head wasn't fitted on."""
    proteins = read_structures(data / "psicov_pdb")
    families = families_of(proteins, collection.families)
    fitted = config["contact_head_fit"]["fitted_on"]
    single = best_single_head([Example.of(model, proteins[name]) for name in fitted], model.shape.n_heads)
    judged = {name: protein for name, protein in proteins.items() if name not in fitted}
    jacobian = [n for n, p in judged.items() if n in families or _n_residues(p) <= LONGEST_JACOBIAN]
    scores = score_contacts(model, judged, families, single, jacobian)
    return {
        "fit": config["contact_head_fit"],
        "fitted_families": {name: families[name] for name in fitted if name in families},
        "single_head": str(single),
        "best_head_of_each": _best_heads(model, {name: judged[name] for name in families if name in judged}),
        "scores": _records(scores),
    }


def _best_heads(model: Esm2, proteins: Mapping[str, LabelledProtein]) -> dict[str, dict[str, Any]]:
    """Each structure's own best head, chosen on itself: the most that a single head shows, not a fair score."""
    found = {}
    for name, protein in proteins.items():
        example = Example.of(model, protein)
        head = best_single_head([example], model.shape.n_heads)
        scores = heads_map(model, protein.tokens, [head])
        precision = precision_at(scores, protein.contacts, protein.known).precision
        found[name] = {"head": str(head), "precision": precision}
    return found


def _n_residues(protein: LabelledProtein) -> int:
    return len(protein.tokens) - 2


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
    run: Annotated[Path | None, typer.Option(help="Folder of the training run, for its held-out curve.")] = None,
    machine: Annotated[str, typer.Option(help="What it was trained on, in words.")] = "",
    at_large: Annotated[int | None, typer.Option(help="Held-out proteins at large to read; all without.")] = None,
    seed: Annotated[int, typer.Option(help="Of the split of the families: the training run's.")] = 0,
    processes: Annotated[int, typer.Option(help="Parts of the card that are measured side by side.")] = 1,
) -> None:
    """Measure everything the card says and write it, as text and as JSON."""
    try:
        config = json.loads((model / "config.json").read_text())
        loaded, collection = load_model(model), load_collection(data, seed)
        figures: dict[str, Any] = {"training": config["training"], "machine": machine}
        figures["n_parameters"] = loaded.n_parameters
        figures["shape"] = {key: config[key] for key in ("n_layers", "n_heads", "d_model")}
        figures["fingerprint"] = loaded.fingerprint
        figures["curve"] = [] if run is None else _records(pd.read_csv(run / "held_out.csv"))
        figures |= _measured(
            {
                "methionine": partial(methionine_figures, loaded, data, collection),
                "perplexity": partial(perplexities, model, loaded, collection, at_large),
                "contacts": partial(contact_figures, loaded, config, data, collection),
            },
            processes,
        )
        out.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
        out.write_text(render(figures))
    except (InputError, FileNotFoundError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
