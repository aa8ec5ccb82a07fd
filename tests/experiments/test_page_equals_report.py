"""A page and a report that answer the same question on the same protein with the same settings give the same numbers.

The report's tables are compared with what the pages hand out as data, column by column.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.components import component_name, head_names
from core.experiments.start_codon import EXPERIMENT
from core.experiments.start_codon.study import Study
from core.experiments.survey import StoredSurvey
from core.experiments.workers import Task, Workers, carry_out
from core.model import load_model
from core.proteins.evaluation_sets import EvaluationSequence
from core.proteins.protein import proteins_from_text
from core.tables import grid, rows
from dashboard import page_parts
from dashboard.menu import MENU

SEQUENCE = "MKTAYIAKQRQISFVKSHFSRQLEERLGL"
VIEWS = {view.PATH: view for heading in ("Circuits", "RoPE") for view in MENU[heading]}
Tables = dict[str, pd.DataFrame]


class Here(Workers):
    """Computes tasks in this process, as a worker does."""

    def run(self, tasks: list[Task]) -> Iterator:
        for task in tasks:
            yield task, carry_out(task)

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    survey = StoredSurvey(load_model("embedded"), "embedded", tmp_path_factory.mktemp("study"), Here())
    name = proteins_from_text(SEQUENCE)[0].name  # what the page calls it
    others = [EvaluationSequence(f"poly-{letter}", letter * 40, "diagnostic") for letter in "QE"]
    return Study(survey, (EvaluationSequence(name, SEQUENCE, "known"), *others), (10,), 0, {})


def test_one_sequence_gives_no_finding(study: Study):
    assert study.split.is_shared
    assert EXPERIMENT.parts["ablation"](study).finding.startswith("No finding from 1 of at least 6 proteins")


@pytest.fixture(scope="module")
def report(study: Study) -> Tables:
    """All tables of the report, as they are written."""
    tables: Tables = {}
    for part in EXPERIMENT.parts.values():
        tables |= part(study).tables
    return tables


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Callable[..., Tables]:
    """Opens a page with some choices, and gives the data that it hands out."""

    def start(address: str, **choices: object) -> Tables:
        handed_out: Tables = {}
        view = VIEWS[address]
        for module in (page_parts, view):

            def keep(table: pd.DataFrame | Callable[[], pd.DataFrame], name: str) -> None:
                handed_out[name] = table() if callable(table) else table

            monkeypatch.setattr(module, "download", keep, raising=False)
        script = "from importlib import import_module\nfrom dashboard.sidebar import ask\n"
        app = AppTest.from_string(script + f"import_module({view.__name__!r}).page(ask())", default_timeout=300)
        for name, value in ({"from": "Paste", "sequence": SEQUENCE} | choices).items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        assert not app.error
        return handed_out

    return start


def alike(ours: pd.DataFrame, theirs: pd.DataFrame, *columns: str) -> None:
    """The columns hold the same, numbers to the last digits that a batch of another size leaves alone."""
    assert len(ours) == len(theirs) > 0
    for column in columns:
        left, right = ours[column].to_numpy(), theirs[column].to_numpy()
        if left.dtype.kind in "fiub":
            np.testing.assert_allclose(left.astype(float), right.astype(float), rtol=1e-5, atol=2e-5, err_msg=column)
        else:
            assert left.tolist() == right.tolist(), column


def test_first_residue(report: Tables, page):
    alike(page("first-residue", over="This protein")["gaps"], report["start"].head(1), "gap", "logit", "rank")


def test_ablation(report: Tables, page):
    found = page("ablation", where="Every position")["ablation-all"]
    alike(found, _in_order(rows(report["ablation"], scope="all"), found.component), "component", "gap_change", "fails")
    alike(found.assign(logit_drop=-found.logit_change), rows(report["ablation"], scope="all"), "logit_drop")


def _in_order(table: pd.DataFrame, names: pd.Series) -> pd.DataFrame:
    return table.set_index("component").loc[names].reset_index()


@pytest.mark.parametrize(
    ("among", "search"), [("Attention modules and MLPs", "modules"), ("Heads of the attention needed", "heads")]
)
def test_minimal_circuit(study: Study, report: Tables, page, among: str, search: str):
    found = page("circuit", among=among, where="At every position")
    beside = rows(report["circuits-beside-random"], search=search, scope="all")
    alike(found["minimal-circuit-beside-random"], beside, "circuit", "gap", "random", "as_well", "p")
    found = found["path"]
    needed = rows(report["circuits"], search=search, scope="all").component.tolist()
    everything = study.circuits[search, "all"].table  # pyright: ignore - keys are literals
    assert found.ablated.tolist()[:-1] == [
        name for name in everything.sort_values(by="step").component if name not in needed
    ]


def test_sufficiency(study: Study, report: Tables, page):
    first, second = study.pair
    choices = {"first": str(first), "second": str(second), "kept": [component_name(each) for each in study.circuit]}
    found = page("sufficiency", **choices, mlps=_flag(study))
    columns = ["attention_at", "mlps_at", "gap", "m_first"]
    alike(found["token scopes"], report["token-scopes"], *columns)
    pair = found["pair"]
    if set(study.mask_mlps) in (set(), {("mlp", layer) for layer in range(study.shape.n_layers)}):
        alike(pair, report["composition-by-sequence"], "mode", "kept", "gap")
    along = rows(found["along"], residue=0)
    alike(along, rows(report["over-prediction"], at="first"), "gap")


def _flag(study: Study) -> str:
    return "true" if study.mask_mlps else "false"


def heads_of(study: Study) -> dict[str, object]:
    return {"main": str(study.main_head), "keys": [str(head) for head in study.key_heads], "inside": "11"}


def test_bos_knockouts(study: Study, report: Tables, page):
    found = page("bos", **heads_of(study))
    keys = ["heads", "test", "knockout", "rate", "gap", "logit_drop", "rescue"]
    alike(found["bos-knockouts"], report["bos-knockouts"], *keys)
    alike(found["attention"], report["attention-to-bos"], "attention")
    alike(found["pattern"], report["main-head-pattern"], *report["main-head-pattern"].columns)


def test_patching(report: Tables, page):
    stream = page("patching")["stream"]
    places = grid(report["patching-stream"], "layer", "place", "rescue")
    for place in places:
        np.testing.assert_allclose(stream[place], places[place], rtol=1e-4, atol=1e-3, err_msg=str(place))
    heads = page("patching", site="Each head's q after RoPE", at="The mask")["heads"]
    alike(heads, rows(report["patching-heads"], site="q_rot"), "gap")


def test_injection(study: Study, report: Tables, page):
    """The report injects into what is outvoted, this set's repeats; the page into repeats of other lengths."""
    found = page("injection", main=str(study.main_head))["injection"]
    assert len(found) >= 1
    assert set(found.columns[2:]) == {name for name in study.predicting if not name.startswith("poly-")}
    assert list(report["injection"].columns) == ["subject", "source", "gap"]


def test_write_vectors(report: Tables, page):
    found = page("write-vectors")["cosine"]
    cosines = grid(report["write-vectors"], "head", "amino_acid", "cosine")
    for letter in cosines:
        np.testing.assert_allclose(found[letter], cosines[letter], atol=1e-5, err_msg=str(letter))


def test_competition(report: Tables, page):
    found = page("competition", repeat="A", longest="40")
    own, fixed = (rows(report["elongation"], subject="poly-A", dropout=name) for name in ("the model's own", "fixed"))
    for held, table in ((False, own), (True, fixed)):
        alike(rows(found["length"], held=held), table, "length", "target", "repeated", "gap", "rank", "scale")
    broken = found["masks"].groupby(["held", "masks"]).gap.mean()
    destroyed = rows(report["destruction"], subject="poly-A", dropout="the model's own")
    np.testing.assert_allclose(broken[False], destroyed.gap, atol=1e-5)


def test_rotations(study: Study, report: Tables, page):
    found = page("rope", **heads_of(study))
    alike(found["removal"], report["rope-removal"], "layers", "gap", "logit", "logit_drop", "m_first")
    alike(found["patch sets"], report["patch-sets"], "condition", "gap", "m_first", "rescue")
    alike(found["causes"], report["attention-causes"], "clean", "internal", "rotation", "content")
    assert found["causes"]["head"].tolist() == head_names(study.shape)


def test_swapped_rotations(study: Study, report: Tables, page):
    found = page("rope-swap", swapmain=str(study.main_head), steps="12")["steps"]
    alike(
        found.assign(m_first=found.rate / 100),
        report["rope-swap"].assign(head=report["rope-swap"].name),
        "head",
        "m_first",
        "rescue",
    )


def test_shift(study: Study, report: Tables, page):
    found = page("rope-shift", main=str(study.main_head))
    curves = report["rope-shift"]
    alike(found["shift"], rows(curves, mask="first", side="q"), "shift", "gap")
    inside = found["shift"].assign(gap=found["shift"].gap_inside)
    alike(inside, rows(curves, mask="inside", side="q"), "gap")
    alike(found["cosine"], report["rope-shift-cosine"], "cosine")
    alike(found["shares"], report["rope-shift-bands"], "wavelength", "share")


def test_norm_and_direction(study: Study, report: Tables, page):
    found = page("rope-bands", main=str(study.main_head))["rope-bands"]
    alike(found, report["bands"], *report["bands"].columns)


def test_bands_at_more_residues(study: Study, report: Tables, page):
    found = page("rope-bands", main=str(study.main_head))["along"]
    alike(found, report["bands-along"], *report["bands-along"].columns)


def test_every_question_of_these_pages_is_compared():
    compared = {"first-residue", "ablation", "circuit", "sufficiency", "bos", "patching", "injection", "write-vectors"}
    compared |= {"competition", "rope", "rope-swap", "rope-shift", "rope-bands"}
    of_no_paper = {"repeats"}  # induction, which the start-codon report doesn't ask about
    assert compared | of_no_paper == set(VIEWS)
    assert Path(VIEWS["bos"].__file__).parent.name == "circuits"
