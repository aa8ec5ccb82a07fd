"""What must the model see to predict a contact?"""

import pandas as pd
import streamlit as st

from core.analyses.motif_recovery import FAR, MotifRecovery, control_pair, most_passes, motif_recovery
from core.errors import InputError
from core.figures.contacts import motif_curves
from core.proteins.contact_scores import possibly_near
from dashboard import engine
from dashboard.controls import bound
from dashboard.engine import on_request, seconds
from dashboard.page_parts import draw, introduce
from dashboard.question import Question, stop_with
from dashboard.script import Call, Expression, Script, loading
from dashboard.take_away import offer_script
from dashboard.views.contacts.pair import choose_pair, pair_name

TITLE, PATH, MASKS = "Motif recovery", "motif", False


def page(question: Question) -> None:
    introduce(
        "What must the model see to predict a contact?",
        "Does it look up a motif around the two residues, or recognise the whole fold (Zhang et al. 2024)?",
        "Everything but the contact's two residues is masked; then their flanks, random residues, or random residues at"
        f" least {FAR} away are unmasked, and the coupling of the two is followed; dotted, that of a control pair.",
        "In Zhang et al.'s models the flanks bring contacts back with far fewer residues than random ones do, which "
        "they read as stored motifs; here it is one contact of one protein.",
    )
    model, sequence = question.model, question.protein.sequence
    pair_column, repeats_column = st.columns([3, 1])
    repeats = bound.number("Random orders", 1, 50, 5, "repeats", repeats_column)
    hold = bound.toggle(
        "Hold token dropout's scale",
        "hold",
        value=True,
        help="Token dropout multiplies all embeddings the more, the more is masked (17 times with 74 of 76 residues). "
        "Held, it stays where the whole protein has it, and only what is shown changes.",
    )
    try:
        with pair_column:
            pair = choose_pair(question)
        if pair is None:
            return
        control = control_pair(*pair, possibly_near(question.protein.structure, len(sequence)))
        pairs = [pair, control] if control else [pair]
        offer_script(_script(question, pairs, repeats, hold))
        job = ("motif", model.fingerprint, sequence, *pairs, repeats, hold)
        passes = len(pairs) * most_passes(repeats)
        about = seconds(model, passes, len(sequence) + 2)
        with on_request(job, about, f"Run {passes:,} masked mutants") as go:
            if not go:
                return
            found, *beside = (_recovery(question, each, repeats, hold, about / len(pairs)) for each in pairs)
    except InputError as error:
        stop_with(error)
    dotted = beside[0].as_control if beside else {}
    known = "not near each other" if question.protein.structure else "whether near each other is not known"
    said = f"Dotted: {pair_name(question, control)}, as far apart along the chain, {known}. " if control else ""
    table = _table(found).assign(**{f"{name}, control": values for name, values in dotted.items()})
    draw(
        motif_curves(found.n_shown, found.flanks, found.random, found.far, found.whole, dotted),
        f"Coupling of {pair_name(question, pair)}: the norm of their 20 × 20 block of the Categorical Jacobian, not "
        f"corrected. {said}Where little is shown any two residues couple: what counts is how far the contact is above "
        f"the control. Bands: standard deviation over {repeats} orders. Dashed: everything shown ({found.whole:.2f}); "
        f"with only the two residues it is {found.nothing:.2f}. Token dropout's scale "
        f"{'is held' if hold else 'follows the masks'}. {found.n_far} residues are {FAR} or more away from "
        "both.",
        "motif",
        table,
    )


def _script(question: Question, pairs: list[tuple[int, int]], repeats: int, hold: bool) -> Script:
    steps = {"model": loading(question.model)}
    for name, (i, j) in zip(("found", "control"), pairs, strict=False):
        settings = {"repeats": repeats, "hold_scale": hold}
        steps[name] = Call(motif_recovery, (Expression("model"), question.protein.sequence, i, j), settings)
    parts = (Expression(f"found.{part}") for part in ("n_shown", "flanks", "random", "far", "whole"))
    dotted = Expression("control.as_control") if "control" in steps else {}
    title = f"Motif recovery around {pair_name(question, pairs[0])}"
    return Script(title, steps, ("found.flanks", "found.whole"), Call(motif_curves, (*parts, dotted)))


def _recovery(question: Question, pair: tuple[int, int], repeats: int, hold: bool, about: float) -> MotifRecovery:
    model, sequence = question.model, question.protein.sequence
    return engine.computed(
        ("motif", model.fingerprint, sequence, pair, repeats, hold),
        lambda progress: motif_recovery(model, sequence, *pair, repeats=repeats, hold_scale=hold, progress=progress),
        f"Unmasking around {pair_name(question, pair)}",
        about,
    )


def _table(found: MotifRecovery) -> pd.DataFrame:
    table = pd.DataFrame({"residues shown": found.n_shown, "flanks": found.flanks})
    for name, values in (("random", found.random), ("far", found.far)):
        for repeat, row in enumerate(values):
            table[f"{name} {repeat + 1}"] = row
    return table
