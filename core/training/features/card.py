"""`python -m core.training.features.card`: describe trained dictionaries, judge them, and write their files to ship."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import torch
import typer

from core.alphabet import tokenize
from core.errors import InputError
from core.features.activations import feature_activations, sparse
from core.features.concepts import CLASSES, Labelled
from core.features.descriptions import Descriptions, describe_features, save_descriptions
from core.features.files import read_dictionaries, save_dictionary
from core.features.names import NAMED_FROM
from core.features.reconstruction import Reconstruction, reconstruct_masked
from core.model import Model, load_model
from core.training.families import load_collection
from core.training.features.control import shuffled_model
from core.training.features.labelled import labelled_proteins
from core.whole_file import write_whole

STRONG: Final = 0.7
"""F1 of names that the card counts apart."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Figures:
    """What the card says of one dictionary."""

    variance_unexplained: float
    replaced: Reconstruction
    """With the stream replaced at every position."""
    at_masks: Reconstruction
    """At the masked positions alone."""
    n_features: int
    dead: int
    """Features that fire nowhere in the proteins they were described on."""
    density: tuple[float, float, float]
    """Quartiles over features that fire: share of positions."""
    named: int
    named_strongly: int
    """With F1 of 0.7 or more."""
    named_strongly_otherwise: int
    """Of these, other than amino acids and their classes."""


def describe_and_judge(model: Model, layer: int, groups: Sequence[Sequence[Labelled]]) -> tuple[Descriptions, Figures]:
    """A dictionary's features described on labelled proteins, and judged on those of the first group."""
    read = [
        [(each, sparse(feature_activations(model, tokenize(each.sequence), layer))) for each in group]
        for group in groups
    ]
    described = describe_features(model, layer, read)
    sequences = [protein.sequence for protein in groups[0]]
    everywhere, at_masks = (reconstruct_masked(model, layer, sequences, each) for each in (True, False))
    firing = [each for each in described.features if each.density]
    named = [each for each in described.features if each.f1 >= NAMED_FROM]
    strongly = [each for each in named if each.f1 >= STRONG]
    quartiles = np.quantile([each.density for each in firing], (0.25, 0.5, 0.75)).tolist()
    return described, Figures(
        everywhere.variance_unexplained,
        everywhere,
        at_masks,
        len(described.features),
        len(described.features) - len(firing),
        tuple(quartiles),
        len(named),
        len(strongly),
        sum(not each.concept.startswith(("amino acid", *CLASSES)) for each in strongly),
    )


@app.command()
def main(
    data: Annotated[Path, typer.Option(help="Folder with train, valid and families.fasta.gz, and psicov_pdb.")],
    run: Annotated[Path, typer.Option(help="Folder of a training run: layer_N/ inside it.")],
    out: Annotated[Path, typer.Option(help="Folder to ship: layer_N/ with dictionary, names.json and CARD.md.")],
    control: Annotated[Path | None, typer.Option(help="The same of a run with --control.")] = None,
    model: Annotated[str, typer.Option(help="A model's name, or a path to its weights.")] = "embedded",
    at_large: Annotated[int, typer.Option(help="Held-out proteins at large.")] = 400,
    of_each_family: Annotated[int, typer.Option(help="Held-out members of each family.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the split of the families: the training run's.")] = 0,
) -> None:
    """Name every feature, measure each dictionary beside its control, and write both into folders to ship."""
    try:
        loaded = load_model(model)
        groups = labelled_proteins(load_collection(data, seed), data / "psicov_pdb", at_large, of_each_family, seed)
        shuffled = shuffled_model(model, seed) if control else None
        controls = {each.layer: each for each in read_dictionaries(control, loaded.shape.n_layers)} if control else {}
        for dictionary in read_dictionaries(run, loaded.shape.n_layers):
            layer = dictionary.layer
            described, figures = describe_and_judge(loaded.with_dictionary(dictionary), layer, groups)
            beside = None
            if shuffled and layer in controls:
                _, beside = describe_and_judge(shuffled.with_dictionary(controls[layer]), layer, groups)
            folder = out / f"layer_{layer + 1}"
            ranked = replace(
                dictionary,
                idf=torch.tensor([each.specificity for each in described.features]),
                largest=torch.tensor([each.largest for each in described.features]),
            )
            save_dictionary(ranked, folder, _notes(run, layer))
            save_descriptions(described, folder)
            of_control = _notes(control, layer) if control and beside else {}
            write_whole(folder / "CARD.md", card(described, _notes(run, layer), figures, beside, of_control))
            typer.echo(f"{folder}: {figures}")
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def _notes(run: Path, layer: int) -> dict[str, object]:
    """What training wrote into a dictionary's configuration beside its sizes."""
    config = json.loads((run / f"layer_{layer + 1}" / "config.json").read_text())
    return {key: config[key] for key in ("model", "seed", "tokens", "dead") if key in config}


def card(
    described: Descriptions,
    notes: dict[str, object],
    figures: Figures,
    control: Figures | None,
    of_control: dict[str, object],
) -> str:
    """The card as Markdown: one column for the dictionary, one for its control."""
    columns = [figures, *([control] if control else [])]
    rows: list[tuple[str, Callable[[Figures], str]]] = [
        ("variance unexplained", lambda f: f"{f.variance_unexplained:.1%}"),
        ("cross-entropy at masked residues, as it is (nats)", lambda f: f"{f.replaced.clean:.3f}"),
        ("… with the stream replaced by the reconstruction", lambda f: f"{f.replaced.reconstructed:.3f}"),
        ("… with every feature off", lambda f: f"{f.replaced.no_features:.3f}"),
        ("cross-entropy recovered", lambda f: f"{f.replaced.recovered:.1%}"),
        (
            "… replaced at masked residues alone: reconstruction, features off",
            lambda f: f"{f.at_masks.reconstructed:.3f}, {f.at_masks.no_features:.3f}",
        ),
        ("features that fire nowhere", lambda f: f"{f.dead} of {f.n_features} ({f.dead / f.n_features:.1%})"),
        ("density, quartiles over features that fire", lambda f: ", ".join(f"{share:.2%}" for share in f.density)),
        (f"named: F1 ≥ {NAMED_FROM}", lambda f: f"{f.named} ({f.named / f.n_features:.1%})"),
        (f"named with F1 ≥ {STRONG}", lambda f: str(f.named_strongly)),
        ("… by another concept than an amino acid or a class of them", lambda f: str(f.named_strongly_otherwise)),
    ]
    head = "| | this dictionary |" + (
        f" control: weights shuffled, {of_control.get('tokens', 0):,} tokens |" if control else ""
    )
    lines = [f"| {name} | " + " | ".join(say(each) for each in columns) + " |" for name, say in rows]
    best = sorted(enumerate(described.features), key=lambda pair: -pair[1].f1)
    seen: dict[str, str] = {}
    for number, each in best:
        if each.f1 >= STRONG:
            place = f"F{number}: F1 {each.f1:.2f} (precision {each.precision:.2f}, recall {each.recall:.2f})"
            seen.setdefault(each.concept, place)
    return "\n".join(
        [
            f"# Features of L{described.layer + 1} of the {described.model} model",
            "",
            f"A TopK sparse autoencoder of the stream after layer {described.layer + 1}, trained on "
            f"{notes.get('tokens', 0):,} tokens (seed {notes.get('seed')}), in Biohub's format.",
            "",
            f"Described on {described.n_proteins:,} proteins ({described.n_positions:,} positions): held-out proteins "
            "at large, held-out members of the families trained on, and PDB structures. Reconstruction is judged on "
            "the first, 15% of residues masked.",
            "",
            head,
            "|---|" + "---|" * len(columns),
            *lines,
            "",
            "A name is the concept of highest F1; concept and threshold are chosen on one half of the proteins, F1 is "
            "told on the other. Precision counts positions; recall counts proteins in which the feature fires where "
            "the concept is true. A concept must be twice as common where the feature fires as elsewhere.",
            "",
            "## The best feature of each concept",
            "",
            *[f"- {concept}: {place}" for concept, place in seen.items()],
            "",
        ]
    )


if __name__ == "__main__":
    app()
