"""The Contacts pages and the contacts report give the same numbers and sentences for the same proteins."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.analyses.head_ranking import HeadRanking, kept_ranking
from core.components import heads_of_layers
from core.experiments.contacts import measures
from core.experiments.contacts.sections import heads
from core.experiments.contacts.split import Split
from core.experiments.contacts.study import Study
from core.experiments.survey import StoredSurvey
from core.model import load_model
from core.proteins.contact_scores import SEPARATIONS
from core.proteins.examples import load_example
from core.proteins.labelled import LabelledProtein
from core.tables import rows
from dashboard.views.contacts import precision, rank_heads
from dashboard.views.contacts.methods import BEST_HEADS, CONTACT_HEAD
from tests.experiments.test_page_equals_report import Here, Tables

N_CHOOSING = 6
"""The fewest that a sentence rests on."""
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def survey(tmp_path_factory: pytest.TempPathFactory) -> StoredSurvey:
    return StoredSurvey(load_model("embedded"), "embedded", tmp_path_factory.mktemp("contacts"), Here())


@pytest.fixture
def handed_out(monkeypatch: pytest.MonkeyPatch) -> Tables:
    """The tables that pages hand out as data, by name."""
    tables: Tables = {}
    for module in (precision, rank_heads):
        monkeypatch.setattr(module, "download", lambda table, name: tables.update({name: table}))
    return tables


@pytest.fixture
def page() -> Callable[..., AppTest]:
    def start(name: str, **link: str) -> AppTest:
        script = f"from dashboard.sidebar import ask\nfrom dashboard.views.contacts.{name} import page\npage(ask())"
        app = AppTest.from_string(script, default_timeout=600)
        for key, value in link.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception
        return app

    return start


def labelled(name: str) -> LabelledProtein:
    structure = load_example(name).structure
    assert structure is not None
    return LabelledProtein.of(structure, name=name)


@pytest.fixture
def ranked(page: Callable[..., AppTest], handed_out: Tables) -> tuple[HeadRanking, str]:
    """The ranking that the page makes, and what it says of it."""
    app = page("rank_heads")
    app.number_input(key="n").set_value(N_CHOOSING).run()
    next(button for button in app.button if button.label == "Rank all heads").click().run()
    assert not app.exception
    [made] = app.session_state["rankings"].values()
    return made.ranking, " ".join(caption.value for caption in app.caption)


def test_contact_heads(survey: StoredSurvey, ranked: tuple[HeadRanking, str], handed_out: Tables):
    ranking, said = ranked
    assert len(ranking.proteins) == N_CHOOSING
    choosing = {name: labelled(name) for name in ranking.proteins}
    study = Study(survey, survey.model, Split(choosing, {}, {}), 300, None, 0, {})
    section = heads(study)
    assert section.finding == ranking.finding()
    assert ranking.finding() in said
    page_table = handed_out["head-ranking"].set_index("name")["P@L/2 long"]
    report_table = section.tables["heads"].set_index("name")["long"]
    assert sorted(page_table.index) == sorted(map(str, heads_of_layers(survey.model.shape, range(6))))
    pd.testing.assert_series_equal(page_table.sort_index(), report_table.sort_index(), check_names=False)
    for separation in SEPARATIONS:
        np.testing.assert_allclose(ranking.grid(separation), study.ranking.grid(separation))
        assert ranking.chance_heads[separation] == study.ranking.chance_heads[separation]
    np.testing.assert_allclose(ranking.k_sweep, study.ranking.k_sweep)


def test_precision_of_the_methods_of_one_pass(survey: StoredSurvey, page: Callable[..., AppTest], handed_out: Tables):
    page("three_methods")  # opens on ubiquitin
    ranking = kept_ranking(survey.model)
    assert ranking is not None
    fitted = (*[0.0] * (survey.model.shape.n_layers * survey.model.shape.n_heads), 0.0)  # a probe, which no page has
    settings = {"ranked": ranking.heads(ranking.best_k), "fitted": fitted}
    found = survey.table(measures.attention, {"ubiquitin": labelled("ubiquitin")}, **settings)
    averaged = measures.BEST_HEADS if ranking.best_k > 1 else measures.BEST_HEAD
    for on_page, in_report in ((CONTACT_HEAD, measures.CONTACT_HEAD), (BEST_HEADS, averaged)):
        ours = rows(handed_out["contacts"], method=on_page)
        theirs = rows(found, method=in_report, measure="precision")
        assert len(ours) == len(theirs) == 9
        assert ours.separation.tolist() == theirs.separation.tolist()
        for column, of_report in (("per", "at"), ("precision", "value"), ("chance", "chance"), ("moved", "moved")):
            np.testing.assert_allclose(ours[column], theirs[of_report].astype(float), err_msg=f"{on_page}, {column}")
