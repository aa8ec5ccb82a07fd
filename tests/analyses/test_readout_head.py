"""The readout head that a card states, and only the card of these very weights."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.alphabet import tokenize
from core.analyses.head_ablation import component_sweep
from core.analyses.readout_head import stored_readout_head
from core.interventions import Head
from core.metrics import Target
from core.model import EMBEDDED, Model, load_model
from core.proteins.examples import examples, load_example


def test_the_embedded_models_is_what_its_first_residue_rests_on() -> None:
    model = load_model(EMBEDDED)
    head = stored_readout_head(model)
    assert head is not None
    sequence = load_example(examples()[0].id).sequence
    measured = component_sweep(model, tokenize(sequence, [0]), Target("M", 0), scope="mask").heads
    assert measured[head.layer, head.index] == measured.min()


def test_a_card_of_other_weights_says_nothing() -> None:
    assert stored_readout_head(replace(load_model(EMBEDDED), fingerprint="other")) is None


@pytest.mark.parametrize(
    ("content", "head"),
    [
        ('{"fingerprint": "mine", "readout": {"head": "L2H1"}}', Head(1, 0)),
        ('{"fingerprint": "mine"}', None),
        ("no card", None),
        (None, None),
    ],
)
def test_a_card_beside_a_file(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, head: Head | None
) -> None:
    monkeypatch.setenv("PLMSCOPE_MODELS", str(tmp_path))
    (tmp_path / "mine.pt").touch()
    if content is not None:
        (tmp_path / "mine-card.json").write_text(content)
    assert stored_readout_head(replace(model, name="mine", fingerprint="mine")) == head
