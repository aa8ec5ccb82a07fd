import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import InputError
from core.experiments.experiment import Experiment, publish
from core.experiments.report import Comparison, Section
from core.experiments.survey import StoredSurvey
from core.figures.style import EDITED, bars
from core.model import Model
from tests.experiments.experiment_measures import m_logit

HOSTILE = "</script><script>alert(1)</script>"


def _logits(survey: StoredSurvey) -> Section:
    table = survey.table(m_logit, {"one": "MKTAYIAK", HOSTILE: "GGGGG"})
    drawn = bars(
        table.subject.tolist(), {"M": table.m_logit.to_numpy()}, colours=[EDITED], x_title="x", y_title="logit"
    )
    return Section(
        title="Logits",
        question="What is M's logit?",
        reading="Bars.",
        finding=f"{len(table)} sequences.",
        figures={"M's logit.": drawn},
        tables={"logits": table, "long": pd.DataFrame({"x": np.arange(100)})},
        comparisons=(Comparison("M ranks first", "57 of 63", "Figure 2B", "1 < 2"),),
    )


def _refuses(survey: StoredSurvey) -> Section:
    raise InputError("no sequence is long enough: residue 11 is needed")


EXPERIMENT = Experiment("A title", "An abstract.", "A source.", {"logits": _logits, "refuses": _refuses})


@pytest.fixture
def published(survey: StoredSurvey, tiny: Model, tmp_path: Path) -> Path:
    publish(EXPERIMENT, survey, survey, tiny, tmp_path, parts=["logits", "refuses"], settings={"seed": 3})
    return tmp_path


@pytest.mark.usefixtures("one_thread")
def test_tables_are_csv_with_every_digit(published: Path, tiny: Model):
    table = pd.read_csv(published / "tables" / "logits.csv")
    assert table.subject.tolist() == ["one", HOSTILE]
    assert table.m_logit[0] == m_logit(tiny, "MKTAYIAK").m_logit[0]


def test_results_name_model_versions_seed_and_what_was_left_out(published: Path, tiny: Model):
    results = json.loads((published / "results.json").read_text())
    assert results["model"]["weights_sha256_begins"] == tiny.fingerprint
    assert results["settings"] == {"seed": 3}
    assert set(results["versions"]) == {"plmscope", "python", "torch", "numpy"}
    assert results["parts"]["logits"]["comparisons"][0]["paper"] == "57 of 63"
    assert results["left_out"][0]["reason"] == "no sequence is long enough: residue 11 is needed"


def test_report_is_one_file_that_loads_nothing_and_runs_no_foreign_markup(published: Path):
    page = (published / "report.html").read_text()
    body = page[page.index("<body>") :]
    assert page.count("plotly.js v") == 1
    assert 'src="' not in page[: page.index("plotly.js v")]
    assert "src=" not in body
    assert HOSTILE not in page
    assert "1 &lt; 2" in body
    assert "Paper, ESM-2 8M" in body
    assert "The first 24 rows" in body


def test_equal_results_give_an_equal_report(published: Path, survey: StoredSurvey, tiny: Model):
    first = (published / "report.html").read_bytes()
    publish(EXPERIMENT, survey, survey, tiny, published, parts=["logits", "refuses"], settings={"seed": 3})
    assert (published / "report.html").read_bytes() == first


def test_a_part_that_does_not_exist_is_one_clear_line():
    assert EXPERIMENT.chosen(None) == ("logits", "refuses")
    assert EXPERIMENT.chosen("refuses, logits") == ("logits", "refuses")
    with pytest.raises(InputError, match="no part 'nothing': the parts are logits, refuses"):
        EXPERIMENT.chosen("logits,nothing")
