"""The passes behind Explore, kept by what they depend on: neither target nor head looked at costs another one."""

import numpy as np
from jaxtyping import Float

from core.analyses.exploration import RunAttention, RunView, heads_to_keep, run_attention, run_logits
from core.interventions import Condition, Head
from dashboard import engine
from dashboard.question import Question


def logits_of(question: Question, condition: Condition) -> Float[np.ndarray, "pos vocab"]:
    """Logits at every position under `condition`."""
    return engine.computed(
        ("logits", *question.run_key, condition),
        lambda _: run_logits(question.model, question.tokens, condition),
        "Running the model",
    )


def attention_of(question: Question, condition: Condition, *looked_at: Head) -> RunAttention:
    """Attention under `condition`: of every head, or in long proteins of those looked at."""
    heads = heads_to_keep(question.model, len(question.tokens), looked_at)
    return engine.computed(
        ("attention", *question.run_key, condition, heads),
        lambda _: run_attention(question.model, question.tokens, condition, heads),
        "Running the model",
    )


def view_of(question: Question, condition: Condition, head: Head) -> RunView:
    """The run under `condition` at the residue read, with one head looked at."""
    return attention_of(question, condition, head).view(head, logits_of(question, condition)[question.residue + 1])
