"""The methods that read contacts in one forward pass: the contact head, and the best heads of a ranking."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from core.alphabet import tokenize
from core.analyses.contact_attribution import contact_maps
from core.analyses.head_ranking import LARGEST_K, HeadRanking, kept_ranking
from core.errors import InputError
from core.figures.contacts import ATTENTION, PROBABILITY
from core.interventions import Condition, Head, describe
from core.model import Model
from core.proteins.contact_scores import largest_counted, top_contacts
from dashboard import engine
from dashboard.controls import bound
from dashboard.question import Question
from dashboard.script import ROWS, Call, Expression, Script, loading

CONTACT_HEAD, BEST_HEADS = "Contact head", "Best heads"
QUANTITIES = {CONTACT_HEAD: PROBABILITY, BEST_HEADS: ATTENTION}


@dataclass(frozen=True, slots=True)
class MadeRanking:
    """A ranking of heads, and the call that makes or reads it."""

    ranking: HeadRanking
    made: Call


def made_ranking(model: Model) -> MadeRanking | None:
    """The ranking of this model's heads: the one made in this session, else the one beside its weights, else None."""
    held = st.session_state.get("rankings", {}).get(model.fingerprint)
    if held is not None:
        return held
    try:
        kept = kept_ranking(model)
    except InputError:  # of other weights, as after fitting a contact head
        return None
    return kept and MadeRanking(kept, Call(kept_ranking, (loading(model),)))


def ranking_of(model: Model) -> HeadRanking | None:
    """`made_ranking` without how it was made."""
    found = made_ranking(model)
    return found and found.ranking


def keep_ranking(ranking: HeadRanking, made: Call) -> None:
    """From now on in this session, this is the ranking of the heads of its model."""
    st.session_state.setdefault("rankings", {})[ranking.fingerprint] = MadeRanking(ranking, made)


def one_pass_methods(model: Model) -> list[str]:
    """The methods that take one pass, as far as the model has them."""
    there = {CONTACT_HEAD: model.contact_head, BEST_HEADS: ranking_of(model)}
    return [method for method, needed in there.items() if needed is not None]


def averaged_heads(model: Model, method: str, *, ask: bool = False) -> tuple[Head, ...]:
    """The heads that a method averages, none for the contact head; `ask` draws the slider that says how many."""
    ranking = ranking_of(model)
    if method != BEST_HEADS or ranking is None:
        return ()
    k = ranking.best_k
    return ranking.heads(bound.slider("Heads averaged, best first", 1, LARGEST_K, k, "k") if ask else k)


def one_pass_map(question: Question, method: str, heads: tuple[Head, ...], condition: Condition = ()) -> np.ndarray:
    """The whole sequence's contact map, nothing masked, by a method that takes one pass."""
    model, sequence = question.model, question.protein.sequence
    return engine.computed(
        ("contact map", model.fingerprint, sequence, heads, condition),
        lambda _: next(contact_maps(model, tokenize(sequence), [condition], heads)),
        f"Reading the {method.lower()}",
    )


def script_of_map(question: Question, method: str, heads: tuple[Head, ...], condition: Condition = ()) -> Script:
    """The same map as Python; it prints the highest pairs of residues, which it counts from 0."""
    maps = Call(contact_maps, (Expression("model"), Expression("tokens"), [condition], heads))
    steps = {
        "model": loading(question.model),
        "tokens": Call(tokenize, (question.protein.sequence,)),
        "predicted": Call(next, (maps,)),
        "pairs": Call(top_contacts, (Expression("predicted"),)),
    }
    return Script(f"{method}: {describe(condition)}", steps, (f"pairs[:{ROWS}]",))


def colour_range(method: str, predicted: np.ndarray) -> tuple[float, float]:
    """Where a map's colours begin and end: probabilities from 0 to 1, everything else from 0 to nearly its largest."""
    return 0.0, 1.0 if method == CONTACT_HEAD else largest_counted(predicted, quantile=0.998, least=1e-6)
