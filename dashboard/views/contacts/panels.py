"""What the Contacts pages share: maps that one pass gives, the ranking of heads, a pair of residues, precision."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.alphabet import tokenize
from core.analyses.contact_attribution import contact_maps
from core.analyses.contact_evaluation import precisions
from core.analyses.head_ranking import LARGEST_K, HeadRanking, kept_ranking
from core.errors import InputError
from core.interventions import Condition, Head, condition_to_json
from core.model import Model
from core.proteins.contact_scores import Verdict, judge_pairs, top_contacts
from core.proteins.labelled import LabelledProtein
from core.proteins.protein import Protein, residue_name
from core.proteins.structure import CONTACT_ATOMS as ATOMS
from core.proteins.structure import ContactAtom, contact_truth, residue_distances
from dashboard import engine
from dashboard.page_parts import download
from dashboard.question import Question
from dashboard.session import parse_residues, plain, written_residues
from dashboard.widgets.linked_view import DrawnContact, Heat, LinkedViewData, Pick, StructureText, linked_view

CONTACT_HEAD, BEST_HEADS = "Contact head", "Best heads"
QUANTITIES = {CONTACT_HEAD: "contact probability", BEST_HEADS: "corrected attention (arbitrary units)"}


def ranking_of(model: Model) -> HeadRanking | None:
    """The ranking of this model's heads: the one made in this session, else the one beside its weights, else None."""
    held = st.session_state.get("rankings", {}).get(model.fingerprint)
    if held is not None:
        return held
    try:
        return kept_ranking(model)
    except InputError:  # of other weights, as after fitting a contact head
        return None


def keep_ranking(ranking: HeadRanking) -> None:
    """From now on in this session, this is the ranking of the heads of its model."""
    st.session_state.setdefault("rankings", {})[ranking.fingerprint] = ranking


def one_pass_roads(model: Model) -> list[str]:
    """The roads to contacts that take one pass, as far as the model has them."""
    roads = [CONTACT_HEAD] if model.contact_head is not None else []
    return [*roads, BEST_HEADS] if ranking_of(model) is not None else roads


def averaged_heads(model: Model, road: str, *, ask: bool = False) -> tuple[Head, ...]:
    """The heads that a road averages, none for the contact head; `ask` draws the slider that says how many."""
    ranking = ranking_of(model)
    if road != BEST_HEADS or ranking is None:
        return ()
    k = ranking.best_k
    if ask:
        k = st.slider("Heads averaged, best first", 1, LARGEST_K, k, key="k", bind="query-params")
    return ranking.heads(k)


def one_pass_map(question: Question, road: str, heads: tuple[Head, ...], condition: Condition = ()) -> np.ndarray:
    """The whole sequence's contact map, nothing masked, by a road that takes one pass."""
    model, sequence = question.model, question.protein.sequence
    return engine.computed(
        ("contact map", model.fingerprint, sequence, heads, condition_to_json(condition)),
        lambda _: next(contact_maps(model, tokenize(sequence), [condition], heads)),
        f"Reading the {road.lower()}",
    )


def choose_pair(question: Question) -> tuple[int, int] | None:
    """The two residues that are written or were picked, else those of the likeliest contact.

    None, after a line that says what to do, where there is neither. Raises `InputError` for what are not residues.
    """
    sequence = question.protein.sequence
    likeliest = _likeliest(question)
    text = st.text_input(
        "The contact's two residues",
        key="pick",
        bind="query-params",
        placeholder=f"{written_residues(likeliest, sequence)} (the likeliest contact)" if likeliest else "M1, K27",
        help="Written as M1, K27, or picked as a cell of the map on the page Three roads.",
    )
    picked = parse_residues(text, sequence)
    if len(picked) == 2:
        return picked
    if likeliest is None or picked:
        st.info("Name two residues, or pick a cell of the map on the page Three roads.")
        return None
    return likeliest


def _likeliest(question: Question) -> tuple[int, int] | None:
    """The highest-ranked long-range contact of the structure, or without one the highest-ranked pair."""
    roads = one_pass_roads(question.model)
    if not roads:
        return None
    predicted = one_pass_map(question, roads[0], averaged_heads(question.model, roads[0]))
    ranked = [pair for apart in (24, 6) for pair in top_contacts(predicted, len(predicted), apart)]
    structure = question.protein.structure
    contacts = contact_truth(structure)[0] if structure is not None else np.ones_like(predicted, dtype=bool)
    return next((pair for pair in ranked if contacts[pair]), None)


def colour_range(road: str, predicted: np.ndarray) -> tuple[float, float]:
    """Where a map's colours begin and end: probabilities from 0 to 1, everything else from 0 to nearly its largest."""
    if road == CONTACT_HEAD:
        return 0.0, 1.0
    far = predicted[np.triu_indices(len(predicted), 6)]
    return 0.0, max(float(f"{np.quantile(far, 0.998):.2g}") if len(far) else 1.0, 1e-6)


def show_pairs(
    question: Question,
    above: Heat,
    pairs: Sequence[tuple[int, int]],
    atom: ContactAtom,
    cutoff: float,
    *,
    picked: tuple[int, ...],
    key: str,
    map_title: str,
    map_caption: str,
    structure_title: str,
    without_structure: Heat | None = None,
) -> None:
    """Strip, map and 3D structure of the question's protein, `pairs` marked in them as right, near miss or wrong.

    True contacts are below the diagonal, or where no structure is known `without_structure`. A pick goes to the box
    "pick" of the page.
    """
    sequence, structure = question.protein.sequence, question.protein.structure
    verdicts: list[Verdict] = ["predicted"] * len(pairs)
    below = without_structure
    if structure is not None:
        verdicts = judge_pairs(pairs, residue_distances(structure, atom), cutoff)
        truth, _ = contact_truth(structure, atom, cutoff)
        below = Heat(truth, f"true contact: {_contact_name(atom, cutoff)}", "truth")
    data = LinkedViewData(
        residues=tuple(residue_name(sequence, index) for index in range(len(sequence))),
        above=above,
        below=below,
        contacts=tuple(DrawnContact(i, j, verdict) for (i, j), verdict in zip(pairs, verdicts, strict=True)),
        structure=structure and StructureText(structure.text, structure.residues, structure.format),
        maskable=False,
        map_title=map_title,
        map_caption=f"{map_caption} Contacts are read with nothing masked.",
        structure_title=structure_title,
        structure_caption="A near miss is closer than 12 Å, or within two residues of a contact on both sides.",
    )
    linked_view(
        data,
        key=key,
        pick=Pick(picked),
        on_change=lambda pick: st.session_state.update(pick=written_residues(pick.residues, sequence)),
    )


def _contact_name(atom: ContactAtom, cutoff: float) -> str:
    """What counts as a contact, in words."""
    return f"{ATOMS[atom]} closer than {cutoff:g} Å"


def precision_table(protein: Protein, maps: dict[str, np.ndarray], atom: ContactAtom, cutoff: float) -> None:
    """P@L/k of some maps against the structure, chance below them, and what was counted how."""
    if protein.structure is None:
        st.info("No structure is known for this protein, so there is nothing to count against.")
        return
    found = precisions(LabelledProtein.of(protein.structure, atom, cutoff), maps)
    at = found["separation"] + [" P@L" if per == 1 else f" P@L/{per}" for per in found["per"]]
    found.insert(0, "Highest pairs", at)
    wide = found.pivot_table(index="Highest pairs", columns="method", values="precision", sort=False)
    wide["Chance"] = found.drop_duplicates("Highest pairs").set_index("Highest pairs")["chance"]
    st.markdown("**How many of the highest-ranked pairs are contacts?**")
    st.dataframe(wide.style.format("{:.2f}"), height="content")
    structure, length = protein.structure, len(protein.sequence)
    chain = plain(f"{structure.name} chain {structure.chain}")
    st.caption(
        f"L = {length} residues; {structure.n_matched} of them match {chain}, which resolves {structure.n_resolved}; "
        "pairs that it doesn't resolve are left out. Short is 6–11 residues apart, medium 12–23, long 24 or more. "
        f"Contact: {_contact_name(atom, cutoff)}. Heads and contact head may have been chosen on relatives of this "
        "protein: see the model's card."
    )
    download(found.drop(columns="Highest pairs"), "contacts")
