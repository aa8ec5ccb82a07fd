"""What must the model see to predict a contact?"""

import numpy as np
import pandas as pd
import streamlit as st

from core.analyses.motif_recovery import FAR, MotifRecovery, motif_recovery
from core.errors import InputError
from core.figures.style import EDITED, OTHER, TARGET, Curve, curves
from core.protein import residue_name
from dashboard import engine
from dashboard.explanation import download, draw, introduce
from dashboard.long_work import on_request, seconds
from dashboard.session import parse_residues
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
    residues, repeats_column = st.columns([3, 1])
    text = residues.text_input("The contact's two residues", key="pick", bind="query-params", placeholder="K6, L67")
    repeats = repeats_column.number_input("Random orders", 1, 50, 5, key="repeats", bind="query-params")
    try:
        picked = parse_residues(text, sequence)
        if len(picked) != 2:
            st.info("Name two residues in contact, or pick a cell of the map on the page Three roads.")
            return
        i, j = picked
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
        _figure(found),
        f"Coupling of {name}: the norm of their 20 × 20 block of the Categorical Jacobian, not corrected. Bands:"
        f" standard deviation over {repeats} orders. Dashed: everything shown ({found.whole:.2f}); with only the two"
        f" residues it is {found.nothing:.2f}.",
        "motif",
    )
    download(_table(found), "motif-recovery")


def _figure(found: MotifRecovery):
    lines = [Curve("flanks first", found.flanks, TARGET)]
    for name, values, colour in (
        ("random", found.random, EDITED),
        (f"random, at least {FAR} away", found.far, OTHER[0]),
    ):
        shown = ~np.isnan(values).all(0)
        mean, spread = np.full(len(found.n_shown), np.nan), np.full(len(found.n_shown), np.nan)
        mean[shown], spread[shown] = values[:, shown].mean(0), values[:, shown].std(0)
        lines.append(Curve(name, mean, colour, mean - spread, mean + spread))
    figure = curves(found.n_shown, lines, x_title="Residues shown besides the two", y_title="Coupling (logits)")
    figure.add_hline(y=found.whole, line={"color": "#999999", "dash": "dash", "width": 1})
    return figure.update_xaxes(type="log")


def _table(found: MotifRecovery) -> pd.DataFrame:
    table = pd.DataFrame({"residues shown": found.n_shown, "flanks": found.flanks})
    for name, values in (("random", found.random), ("far", found.far)):
        for repeat, row in enumerate(values):
            table[f"{name} {repeat + 1}"] = row
    return table
