"""The command `contacts`: from a folder of structures to a report."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Literal

import typer

from core.analyses.categorical_jacobian import Numbers
from core.analyses.contact_calibration import calibration_bytes
from core.analyses.contact_evaluation import FEWEST
from core.analyses.head_ranking import save_ranking
from core.errors import InputError
from core.experiments.contacts import EXPERIMENT
from core.experiments.contacts.split import fitted_on, listed_relatives, model_notes, split
from core.experiments.contacts.study import Study
from core.experiments.experiment import publish
from core.experiments.options import (
    N_CORES,
    DaskOption,
    LongOption,
    ModelOption,
    OnlyOption,
    OutOption,
    SeedOption,
    WorkersOption,
    most_residues,
    open_survey,
    say_notes,
)
from core.model import load_model
from core.proteins.labelled import STORED_TRUTH, read_labelled
from core.proteins.listed import find_listed
from core.proteins.relatives import relatives
from core.proteins.structure import CONTACT_CUTOFF
from core.training.families import FAMILIES, read_fasta

StructuresOption = Annotated[
    Path,
    typer.Option(
        help="Folder of PDB or mmCIF files, or one with sequences.fasta and contacts/NAME.npz.", file_okay=False
    ),
]
ChainOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Chain of a structure, by its file's name without the ending, where not the first protein chain is meant; "
        "once for each.",
        metavar="NAME=CHAIN",
    ),
]
FamiliesOption = Annotated[
    Path | None,
    typer.Option(
        help="FASTA file of the families that the model was trained on: proteins are marked as their relatives by "
        "alignment. Without it, by the names and sequences listed with the model.",
        dir_okay=False,
    ),
]


RecentOption = Annotated[
    Path | None,
    typer.Option(
        help="Such a folder of structures newer than what the model was trained on: they choose nothing and are judged "
        "apart.",
        file_okay=False,
    ),
]


def contacts(
    structures: StructuresOption,
    out: OutOption,
    model: ModelOption = "embedded",
    recent: RecentOption = None,
    choosing: Annotated[int, typer.Option(help="Proteins that heads and probe are chosen on.", min=3)] = 10,
    atom: Annotated[Literal["cb", "ca"], typer.Option(help="Atom whose distance makes a contact.")] = "cb",
    cutoff: Annotated[float, typer.Option(help="Distance in Å below which residues are in contact.")] = CONTACT_CUTOFF,
    stored_truth: Annotated[
        str, typer.Option(help="In words, for the report: what a contact is where contacts/NAME.npz say it.")
    ] = STORED_TRUTH,
    chain: ChainOption = None,
    longest: Annotated[int, typer.Option(help="Residues up to which Jacobians are taken.", min=24)] = 300,
    hidden_layer: Annotated[
        int | None, typer.Option(help="Layer, counted from 1, of a representation Jacobian; none without.", min=1)
    ] = None,
    numbers: Annotated[Numbers, typer.Option(help="What Jacobians are computed in.")] = "float32",
    families: FamiliesOption = None,
    only: OnlyOption = None,
    workers: WorkersOption = N_CORES,
    dask: DaskOption = None,
    seed: SeedOption = 0,
    allow_long: LongOption = False,
) -> None:
    """Where does a protein language model keep contacts? All methods against structures, as one report.

    Some proteins choose heads and fit the probe, the others judge; relatives of families that the model was trained on
    are counted apart, and recent structures. The ranking is also written as head_ranking.json, what the contact head's
    probabilities are worth as contact_calibration.json. A second call goes on where an interrupted one
    stopped.
    """
    parts = EXPERIMENT.chosen(only)
    loaded = load_model(model)
    if hidden_layer is not None and hidden_layer > loaded.shape.n_layers:
        raise InputError(f"layer {hidden_layer} does not exist: {loaded.name} has layers 1 to {loaded.shape.n_layers}")
    chains = chosen_chains(chain or ())
    proteins, unusable = read_labelled(structures, atom, cutoff, stored_truth, chains, most_residues(allow_long))
    newer, unusable_newer = {}, {}
    if recent is not None:
        newer, unusable_newer = read_labelled(recent, atom, cutoff, stored_truth, None, most_residues(allow_long))
        newer = {name if name not in proteins else f"{name} (recent)": protein for name, protein in newer.items()}
    sequences = {name: protein.sequence for name, protein in {**proteins, **newer}.items()}
    related, relatives_found = find_relatives(sequences, model, families)
    fitted = fitted_on(model_notes(model))
    divided = split(proteins, choosing, seed, related, find_listed(sequences, fitted), newer)
    settings = {
        "structures": str(structures),
        "chains_chosen": ", ".join(f"{each} of {name}" for name, each in chains.items()) or "none",
        "choosing": ", ".join(divided.choosing),
        "judged": len(divided.judged),
        "recent": f"{len(divided.recent)} of {recent}" if recent else "none given",
        "contact_head_fitted_on": ", ".join(each.name for each in fitted) or "not known",
        "relatives_of_trained_families": ", ".join(f"{name} ({family})" for name, family in related.items()) or "none",
        "relatives_found": relatives_found,
        "contact": "; ".join(sorted({protein.definition for protein in proteins.values()})),
        "jacobians_computed_in": numbers,
        "seed": seed,
    }
    with open_survey(loaded, model, out, workers, dask) as survey:
        unusable |= unusable_newer
        survey.left_out.update({("structure", name): reason for name, reason in unusable.items()})
        survey.left_out.update({("judging", name): reason for name, reason in divided.left_out.items()})
        layer = None if hidden_layer is None else hidden_layer - 1
        seen = [each.name for each in fitted]
        study = Study(survey, loaded, divided, longest, layer, seed, related, seen, numbers)
        report = publish(EXPERIMENT, study, survey, loaded, out, parts=parts, settings=settings)
        save_ranking(study.ranking, out / "head_ranking.json")
        if "calibration" in parts and loaded.contact_head is not None and len(divided.judged) >= FEWEST:
            (out / "contact_calibration.json").write_bytes(calibration_bytes(study.calibration))
    say_notes({name: protein.notes for name, protein in proteins.items()})
    for (measurement, subject), reason in survey.left_out.items():
        typer.echo(f"left out: {subject}, {measurement}: {reason}", err=True)
    typer.echo(report)


def chosen_chains(values: Iterable[str]) -> dict[str, str]:
    """The chain chosen of each structure, by its name; `InputError` for what is not NAME=CHAIN, or a name twice."""
    chains: dict[str, str] = {}
    for value in values:
        name, _, chain = value.rpartition("=")
        if not name or not chain:
            raise InputError(f"--chain takes NAME=CHAIN, such as 1abc=B, not '{value}'")
        if name in chains:
            raise InputError(f"--chain takes one chain of each structure, and '{name}' has {chains[name]} and {chain}")
        chains[name] = chain
    return chains


def find_relatives(sequences: Mapping[str, str], model: str, families: Path | None) -> tuple[dict[str, str], str]:
    """The trained family of each protein that belongs to one, and in words how that was found out."""
    if families is not None:
        return relatives(sequences, trained_members(families)), "by alignment"
    listed = listed_relatives(model)
    found = {name: each.family for name, each in find_listed(sequences, listed).items()}
    if not listed:
        return found, "not looked for: no list of them comes with the model"
    known_by = "names and sequences" if all(each.digest for each in listed) else "names"
    return found, f"by the {known_by} listed with the model"


def trained_members(families: Path) -> dict[str, list[str]]:
    """The members of each family that the embedded model was trained on, from its FASTA file."""
    members: dict[str, list[str]] = {family.name: [] for family in FAMILIES}
    for name, sequence in read_fasta(families):
        for family in FAMILIES:
            if name.startswith(family.prefix):
                members[family.name].append(sequence)
    return {name: sequences for name, sequences in members.items() if sequences}
