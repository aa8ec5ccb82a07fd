"""Where are this protein's contacts, by three roads?"""

from functools import partial

import numpy as np
import streamlit as st

from core.alphabet import AMINO_ACIDS, tokenize
from core.analyses.categorical_jacobian import stored_jacobian
from core.analyses.contact_evaluation import precisions
from core.analyses.head_ranking import HeadRanking, load_ranking
from core.analyses.map_agreement import map_agreement
from core.contacts import Verdict, contact_map, heads_map, judge_pairs, top_contacts
from core.errors import InputError
from core.labelled import LabelledProtein
from core.model import Esm2
from core.protein import Protein, residue_name
from core.structure import ContactAtom, contact_truth, residue_distances
from dashboard import engine
from dashboard.explanation import download, introduce
from dashboard.labelled_set import ATOMS, choose_contact
from dashboard.linked_view import DrawnContact, Heat, LinkedViewData, Pick, StructureText, linked_view
from dashboard.long_work import on_request, seconds
from dashboard.session import parse_residues, plain, written_residues
from dashboard.sidebar import Question, stop_with

CONTACT_HEAD, BEST_HEADS, JACOBIAN, HIDDEN = (
    "Contact head",
    "Best heads",
    "Categorical Jacobian",
    "Hidden-state Jacobian",
)
CHEAP = "AEGLK"
"""Substitutions of the cheap mode: one of each kind (small, acidic, glycine, hydrophobic, basic)."""


def page(question: Question) -> None:
    introduce(
        "Where are this protein's contacts, by three roads?",
        "A protein language model never saw a structure. Does it know which residues touch?",
        "The contact head and the best heads read attention in one forward pass; the Categorical Jacobian mutates every"
        " residue to every amino acid and watches the predictions elsewhere, about 20 passes per residue.",
        "Compare each map with the structure below the diagonal; the table counts how many of the highest-ranked pairs "
        "are contacts, with chance beside it.",
    )
    protein, model = question.protein, question.model
    try:
        method = st.segmented_control(
            "Road", _roads(model), default=_roads(model)[0], required=True, key="road", bind="query-params"
        )
        settings = _settings(method)
        atom, cutoff = choose_contact()
        maps = _maps(question, method, settings)
    except InputError as error:
        stop_with(error)
    if maps is None:
        return
    with st.container(border=True):
        _linked(question, method, maps[method], atom, cutoff)
    _table(protein, maps, atom, cutoff)
    if settings.get("substitutions") == CHEAP:
        try:
            _cheap_agreement(question, method, maps[method])
        except InputError as error:
            stop_with(error)


def _roads(model: Esm2) -> list[str]:
    roads = [CONTACT_HEAD] if model.contact_head is not None else []
    if ranking_of(model) is not None:
        roads.append(BEST_HEADS)
    return [*roads, JACOBIAN, HIDDEN]


def ranking_of(model: Esm2) -> HeadRanking | None:
    """The ranking of this model's heads: the one made in this session, else the shipped one, else None."""
    held = st.session_state.get("rankings", {}).get(model.fingerprint)
    if held is not None:
        return held
    try:
        return load_ranking(model)
    except InputError:
        return None


def keep_ranking(ranking: HeadRanking) -> None:
    """From now on in this session, this is the ranking of the heads of its model."""
    st.session_state.setdefault("rankings", {})[ranking.fingerprint] = ranking


def _settings(method: str) -> dict[str, int | str]:
    if method == BEST_HEADS:
        return {"k": st.slider("Heads averaged", 1, 30, 5, key="k", bind="query-params")}
    if method in (JACOBIAN, HIDDEN):
        cheap = st.toggle(
            f"Cheap mode: substitutions {', '.join(CHEAP)} only",
            key="cheap",
            bind="query-params",
            help="A quarter of the passes, and another map than the full one: its agreement is measured below.",
        )
        return {"substitutions": CHEAP if cheap else AMINO_ACIDS}
    return {}


def _maps(question: Question, method: str, settings: dict[str, int | str]) -> dict[str, np.ndarray] | None:
    """The chosen road's map and those that cost one pass, by name; None until long work was asked for."""
    model, sequence = question.model, question.protein.sequence
    tokens = tokenize(sequence)
    key = (model.fingerprint, sequence)
    maps: dict[str, np.ndarray] = {}
    if model.contact_head is not None:
        maps[CONTACT_HEAD] = engine.computed(
            ("contact head", *key),
            lambda _: contact_map(model, tokens),
            "Reading the contact head",
        )
    ranking = ranking_of(model)
    if ranking is not None:
        heads = ranking.heads(int(settings.get("k", 5)))
        maps[BEST_HEADS] = engine.computed(
            ("best heads", *key, heads), lambda _: heads_map(model, tokens, heads), "Averaging heads"
        )
    if method in (JACOBIAN, HIDDEN):
        found = _jacobian(question, method, str(settings["substitutions"]))
        if found is None:
            return None
        maps[method] = found
    return maps


def _jacobian(question: Question, method: str, letters: str) -> np.ndarray | None:
    model, sequence = question.model, question.protein.sequence
    job = ("jacobian", model.fingerprint, sequence, method, letters)
    passes = len(letters) * len(sequence) * (2 if method == HIDDEN else 1)
    what = f"Run the {method}: {passes:,} mutants, {len(letters)} substitutions"
    with on_request(job, seconds(model, passes, len(sequence)), what) as go:
        if not go:
            return None
        layer = -1 if method == HIDDEN else None
        compute = partial(stored_jacobian, model, tokenize(sequence), layer=layer, substitutions=letters)
        return engine.computed(
            job,
            lambda progress: compute(progress=progress.report, cancel=progress.cancel),
            f"Mutating {len(sequence)} residues",
        )


def _cheap_agreement(question: Question, method: str, cheap: np.ndarray) -> None:
    """The cheap mode's map beside the full one, once that was asked for."""
    full = _jacobian(question, method, AMINO_ACIDS)
    if full is None:
        st.caption(f"This is the cheap mode ({len(CHEAP)} of 20 substitutions); its agreement is not measured yet.")
        return
    agreement = map_agreement(cheap, full)
    st.caption(
        f"Cheap mode ({len(CHEAP)} of 20 substitutions) against the full one on this protein: rank correlation "
        f"**{agreement.rank_correlation:.2f}** over pairs 6 or more apart, **{agreement.shared:.0%}** of the L highest "
        "pairs shared."
    )


@st.fragment
def _linked(question: Question, method: str, predicted: np.ndarray, atom: ContactAtom, cutoff: float) -> None:
    protein, sequence = question.protein, question.protein.sequence
    picked_text = st.text_input("Picked residues", key="pick", bind="query-params", placeholder="M1, K27")
    try:
        picked = parse_residues(picked_text, sequence)
    except InputError as error:
        st.warning(plain(str(error)))
        picked = ()
    pairs = top_contacts(predicted, max(len(sequence) // 2, 1))
    structure = protein.structure
    verdicts: list[Verdict] = ["predicted"] * len(pairs)
    below = None
    if structure is not None:
        verdicts = judge_pairs(pairs, residue_distances(structure, atom), cutoff)
        truth, _ = contact_truth(structure, atom, cutoff)
        below = Heat(truth, f"true contact ({ATOMS[atom]} closer than {cutoff:g} Å)", "truth")
    data = LinkedViewData(
        residues=tuple(residue_name(sequence, index) for index in range(len(sequence))),
        above=Heat(
            predicted, f"{method.lower()} (higher: more likely in contact)", "edited", *_range(method, predicted)
        ),
        below=below,
        contacts=tuple(DrawnContact(i, j, verdict) for (i, j), verdict in zip(pairs, verdicts, strict=True)),
        structure=structure and StructureText(structure.text, structure.residues, structure.format),
        map_title="Where are the contacts?",
        map_caption=f"Marked: the L/2 = {len(pairs)} highest pairs at least 6 residues apart.",
        structure_title="Where are they in 3D?",
        structure_caption="A near miss is closer than 12 Å, or within two residues of a contact on both sides.",
    )
    linked_view(
        data,
        key="contacts",
        pick=Pick(picked, question.masked),
        on_change=lambda pick: st.session_state.update(pick=written_residues(pick.residues, sequence)),
    )


def _range(method: str, predicted: np.ndarray) -> tuple[float, float]:
    """Where a map's colours begin and end: probabilities from 0 to 1, everything else from 0 to nearly its largest."""
    if method == CONTACT_HEAD:
        return 0.0, 1.0
    far = predicted[np.triu_indices(len(predicted), 6)]
    return 0.0, max(float(np.quantile(far, 0.998)) if len(far) else 1.0, 1e-6)


def _table(protein: Protein, maps: dict[str, np.ndarray], atom: ContactAtom, cutoff: float) -> None:
    if protein.structure is None:
        st.info("No structure is known for this protein, so there is nothing to count against.")
        return
    found = precisions(LabelledProtein.of(protein.structure, atom, cutoff), maps)
    found["at"] = ["P@L" if per == 1 else f"P@L/{per}" for per in found["per"]]
    wide = found.pivot_table(index="method", columns=["separation", "at"], values="precision", sort=False)
    chance = found.drop_duplicates(["separation", "at"]).set_index(["separation", "at"])["chance"]
    wide.loc["Chance"] = chance
    wide.columns = [f"{separation} {at}" for separation, at in wide.columns]
    st.markdown("**How many of the highest-ranked pairs are contacts?**")
    st.dataframe(wide.style.format("{:.2f}"))
    st.caption(
        f"L = {len(protein.sequence)} residues; short is 6–11 apart, medium 12–23, long 24 or more; contacts: "
        f"{ATOMS[atom]} closer than {cutoff:g} Å; pairs that the structure doesn't resolve are left out. Heads and "
        "contact head may have been chosen on relatives of this protein: see the model's card."
    )
    download(found.drop(columns="at"), "contacts")
