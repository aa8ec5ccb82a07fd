"""A run as Python that anyone can paste: the same model, protein and interventions, without the app."""

from collections.abc import Sequence

from core.interventions import ClampFeature, Condition, ScaleFeature, condition_to_json, describe

_TEMPLATE = """\
from core.alphabet import tokenize
from core.interventions import condition_from_json
from core.metrics import rank, target_gap
{extra}from core.model import load_model
from core.run import run{torch}

# {said}
model = {loaded}
tokens = tokenize({sequence!r}, masked={masked!r})
condition = condition_from_json({condition!r})

clean, edited = run(model, tokens, [(), condition]).logits[:, {position}]
for name, logits in (("clean", clean), ("edited", edited)):
    print(f"{{name:7}} {target} gap {{target_gap(logits, {target!r}):+.4f}}, rank {{rank(logits, {target!r})}}")
"""


_DICTIONARIES = "from core.features.files import with_kept_dictionaries\n"


def python_snippet(
    model: str, sequence: str, masked: Sequence[int], target: str, condition: Condition, in_half: bool = False
) -> str:
    """Python that prints the target's gap and rank at the first masked residue, clean and under `condition`."""
    precision = ", dtype=torch.bfloat16" if in_half else ""
    loaded, extra = f"load_model({model!r}{precision})", ""
    if any(isinstance(part, ScaleFeature | ClampFeature) for part in condition):
        loaded, extra = f"with_kept_dictionaries({loaded})", _DICTIONARIES
    return _TEMPLATE.format(
        torch="\nimport torch" if in_half else "",
        said=describe(condition),
        loaded=loaded,
        extra=extra,
        sequence=sequence,
        masked=list(masked),
        condition=condition_to_json(condition),
        position=masked[0] + 1,
        target=target,
    )
