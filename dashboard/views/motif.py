"""What must the model see to predict a contact?"""

import pandas as pd
import streamlit as st

from core.analyses.motif_recovery import FAR, MotifRecovery, motif_recovery
from core.errors import InputError
from core.figures.contacts import motif_curves
from core.protein import residue_name
from dashboard import engine
from dashboard.contact_panels import choose_pair
from dashboard.explanation import download, draw, introduce
from dashboard.long_work import on_request, seconds
from dashboard.sidebar import Question, stop_with


def page(question: Question) -> None:
    introduce(
        "What must the model see to predict a contact?",
        "Does it look up a motif around the two residues, or recognise the whole fold (Zhang et al. 2024)?",
        "Everything but the contact's two residues is masked; then their flanks, random residues, or random residues at"
        f" least {FAR} away are unmasked, and the coupling of the two is followed.",
        "If the flanks bring it back with far fewer residues than random ones do, the model stores motifs.",
    )
    sequence, model = question.protein.sequence, question.model
    pair_column, repeats_column = st.columns([3, 1])
    repeats = repeats_column.number_input("Random orders", 1, 50, 5, key="repeats", bind="query-params")
    try:
        with pair_column:
            pair = choose_pair(question)
        if pair is None:
            return
        i, j = pair
        job = ("motif", model.fingerprint, sequence, i, j, repeats)
        passes = 40 * (2 + 12 * (1 + 2 * repeats))
        with on_request(job, seconds(model, passes, len(sequence) + 2), f"Run {passes:,} masked mutants") as go:
            if not go:
                return
            found = engine.computed(
                job,
                lambda progress: motif_recovery(
                    model, sequence, i, j, repeats=repeats, progress=progress.report, cancel=progress.cancel
                ),
                "Unmasking",
            )
    except InputError as error:
        stop_with(error)
    name = f"{residue_name(sequence, i)}–{residue_name(sequence, j)}"
    draw(
        motif_curves(found.n_shown, found.flanks, found.random, found.far, found.whole),
        f"Coupling of {name}: the norm of their 20 × 20 block of the Categorical Jacobian, not corrected. Bands:"
        f" standard deviation over {repeats} orders. Dashed: everything shown ({found.whole:.2f}); with only the two"
        f" residues it is {found.nothing:.2f}: where little is shown any two residues couple, so read where the curves "
        f"reach the dashed line, not how high they begin. {found.n_far} residues are at least {FAR} away from both.",
        "motif",
    )
    download(_table(found), "motif-recovery")


def _table(found: MotifRecovery) -> pd.DataFrame:
    table = pd.DataFrame({"residues shown": found.n_shown, "flanks": found.flanks})
    for name, values in (("random", found.random), ("far", found.far)):
        for repeat, row in enumerate(values):
            table[f"{name} {repeat + 1}"] = row
    return table
