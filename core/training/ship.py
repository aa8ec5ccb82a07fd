"""`python -m core.training.ship`: a run's weights, a contact head and a ranking of heads, as the model's folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from core.analyses.contact_calibration import binned, calibrate, calibration_bytes
from core.analyses.contact_evaluation import FEWEST
from core.analyses.contact_probe import choose_strength, fit_contact_head, make_example
from core.analyses.head_ranking import rank_heads, save_ranking
from core.contacts import contact_map
from core.errors import InputError
from core.model import load_model
from core.proteins.labelled import LabelledProtein
from core.training.families import load_collection
from core.training.structures import as_listed, families_of, fitted_on_notes, judging, read_structures
from core.training.weights import add_contact_head, write_relatives

FITTED_FAMILY_STRUCTURES: Final = ("1aoe",)
"""Structures of trained families to fit on; the others of these families stay apart, to judge the head by."""
N_FITTED: Final = 20
N_RANKED: Final = 10
"""How many of them, none of a trained family, the heads are ranked on."""
LONGEST_FITTED: Final = 200

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def write_calibration(folder: Path, judged: Mapping[str, LabelledProtein]) -> None:
    """What the contact probabilities of the model in a folder are worth on structures that it was not fitted on."""
    model = load_model(folder)
    tables = {name: binned(protein, contact_map(model, protein.tokens)) for name, protein in judged.items()}
    (folder / "contact_calibration.json").write_bytes(calibration_bytes(calibrate(model, judged, tables)))


@app.command()
def main(
    run: Annotated[Path, typer.Option(help="Folder of a training run.")],
    data: Annotated[Path, typer.Option(help="Folder with the families' sequences and psicov_pdb.")],
    out: Annotated[Path, typer.Option(help="Folder of the model to ship.")],
    seed: Annotated[int, typer.Option(help="Of the split of the families, and the choice of structures.")] = 0,
) -> None:
    """Fit the contact head on about 20 structures, choosing its penalty by cross-validation, and write the model.

    Beside it go the structures known to be of trained families, the ranking of heads by contacts, and what the contact
    probabilities are worth on structures that are not fitted on.
    """
    try:
        model = load_model(run)
        collection = load_collection(data, seed)
        proteins = read_structures(data / "psicov_pdb")
        families = families_of(proteins, collection.families)
        others = [n for n, p in proteins.items() if n not in families and len(p.sequence) <= LONGEST_FITTED]
        drawn = np.random.default_rng(seed).permutation(others)[: N_FITTED - len(FITTED_FAMILY_STRUCTURES)]
        fitted = sorted([*FITTED_FAMILY_STRUCTURES, *drawn.tolist()])
        fitted_examples = [make_example(model, proteins[name]) for name in fitted]
        strength, precision = choose_strength(fitted_examples)
        head = fit_contact_head(fitted_examples, strength)
        notes = {
            **fitted_on_notes(proteins, fitted),
            "strength": strength,
            "cross_validated_long_range_precision": {str(c): value for c, value in precision.items()},
            "heads_used": int((head.weight != 0).sum()),
        }
        add_contact_head(run, out, head, notes, [split.family.name for split in collection.families])
        write_relatives(out, as_listed(proteins, families))
        chosen = [name for name in drawn.tolist() if proteins[name].long_range_problem is None][:N_RANKED]
        ranking = rank_heads(load_model(out), {name: proteins[name] for name in chosen})
        save_ranking(ranking, out / "head_ranking.json")
        judged, _ = judging(proteins, fitted)
        if len(judged) >= FEWEST:
            write_calibration(out, judged)
        typer.echo(f"{out}: contact head from {len(fitted)} structures, C = {strength}, {notes['heads_used']} heads")
        typer.echo(f"heads ranked on {len(chosen)} of them: {', '.join(map(str, ranking.heads(5)))} come first")
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    app()
