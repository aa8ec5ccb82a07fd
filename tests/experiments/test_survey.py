import dataclasses
import os
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path

import pandas as pd
import pytest

from core.answers.survey import Failure
from core.errors import InputError
from core.experiments.survey import StoredSurvey
from core.experiments.workers import Dask, Processes, Task, Workers, code_digest
from core.model import Model
from core.whole_file import write_whole
from tests.experiments.experiment_measures import dies_on_w, dies_once, m_logit, waits
from tests.heard import Heard

SEQUENCES = {"one": "MKTAYIAK", "two": "GGGGG", "with W": "MWWK", "short": "MK", "twin of two": "GGGGG"}


@pytest.mark.usefixtures("one_thread")
def test_table_equals_calling_the_measure_and_keeps_the_order(survey: StoredSurvey, tiny: Model):
    table = survey.table(m_logit, SEQUENCES)
    assert list(table) == ["subject", "residue", "m_logit", "name"]
    assert list(table.subject) == list(SEQUENCES)
    expected = [m_logit(tiny, sequence).m_logit[0] for sequence in SEQUENCES.values()]
    assert table.m_logit.tolist() == expected


def test_any_number_of_workers_gives_the_same_digits(survey: StoredSurvey, tmp_path: Path):
    with Processes(1) as alone:
        one = dataclasses.replace(survey, workers=alone, folder=tmp_path / "alone").table(m_logit, SEQUENCES)
    pd.testing.assert_frame_equal(one, survey.table(m_logit, SEQUENCES), check_exact=True)


class _NoWorkers(Workers):
    """Workers that must not be asked for anything."""

    def run(self, tasks):
        assert not tasks, "computed again what was on disk"
        return iter(())

    def close(self):
        pass


def test_what_is_on_disk_is_not_computed_again(survey: StoredSurvey):
    first = survey.table(m_logit, SEQUENCES)
    again = dataclasses.replace(survey, workers=_NoWorkers()).table(m_logit, SEQUENCES)
    pd.testing.assert_frame_equal(first, again, check_exact=True)


def test_results_are_computed_again_when_something_they_depend_on_changes(survey: StoredSurvey, tiny: Model):
    survey.table(m_logit, SEQUENCES)
    idle = dataclasses.replace(survey, workers=_NoWorkers())
    other_weights = dataclasses.replace(idle, model=dataclasses.replace(tiny, fingerprint="other"))
    with pytest.raises(AssertionError, match="computed again"):
        idle.table(m_logit, SEQUENCES, residue=1)
    with pytest.raises(AssertionError, match="computed again"):
        idle.table(m_logit, SEQUENCES | {"one": "MKTAYIAR"})
    with pytest.raises(AssertionError, match="computed again"):
        other_weights.table(m_logit, SEQUENCES)


def test_a_sequence_that_breaks_a_rule_is_left_out_with_its_reason(survey: StoredSurvey):
    table = survey.table(m_logit, SEQUENCES, residue=3)
    assert set(table.subject) == set(SEQUENCES) - {"short"}
    assert survey.left_out == {
        ("m_logit", "short"): "residue 4 is outside the sequence: it has residues 1 to 2",
    }


def test_workers_with_other_weights_are_refused(survey: StoredSurvey, tiny: Model):
    mixed = dataclasses.replace(survey, model=dataclasses.replace(tiny, fingerprint="somethingelse"))
    with pytest.raises(InputError, match="has other weights"):
        mixed.table(m_logit, {"one": "MK"})
    assert "has other weights" in survey.left_out["m_logit", "one"]


def test_workers_with_other_code_are_refused(tiny: Model, model_folder: Path, processes: Processes):
    ((_, outcome),) = processes.run([Task(m_logit, str(model_folder), tiny.fingerprint, "older", "MK", ())])
    said = "this worker runs another version of plmscope or torch: run again (with Dask, restart workers first)"
    assert outcome == Failure(said)


def test_a_worker_that_dies_costs_a_retry(survey: StoredSurvey, tmp_path: Path):
    table = survey.table(dies_once, SEQUENCES, marker=str(tmp_path / "died"))
    assert (tmp_path / "died").exists()
    assert list(table.subject) == list(SEQUENCES)
    assert not survey.left_out


PARENT = """
import sys
from core.experiments.workers import Processes, Task
from tests.heard import Heard
from tests.experiments.experiment_measures import waits

if __name__ == "__main__":
    list(Processes(1).run([Task(waits, sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], ())]))
"""


def test_a_killed_run_leaves_no_worker_behind(model_folder: Path, tiny: Model, tmp_path: Path):
    script, pid_file = tmp_path / "parent.py", tmp_path / "pid"
    script.write_text(PARENT)
    arguments = [str(model_folder), tiny.fingerprint, code_digest(waits.__module__), str(pid_file)]
    with subprocess.Popen(
        [sys.executable, str(script), *arguments], env=os.environ | {"PYTHONPATH": os.getcwd()}
    ) as parent:
        _wait_until(pid_file.is_file)
        parent.kill()
    worker = Path("/proc") / pid_file.read_text()
    _wait_until(lambda: not worker.exists())


def test_a_finished_run_has_ended_its_workers(survey: StoredSurvey, tmp_path: Path):
    before = set(active_children())
    with Processes(2) as workers:
        dataclasses.replace(survey, folder=tmp_path / "other", workers=workers).table(m_logit, SEQUENCES)
        assert set(active_children()) > before
    assert set(active_children()) <= before


def _wait_until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def test_a_sequence_that_always_kills_is_left_out_and_the_others_are_not(survey: StoredSurvey):
    table = survey.table(dies_on_w, SEQUENCES)
    assert set(table.subject) == set(SEQUENCES) - {"with W"}
    assert survey.left_out == {("dies_on_w", "with W"): "its worker died 3 times"}


def test_progress_is_told_for_every_computed_subject(survey: StoredSurvey):
    heard = Heard()
    dataclasses.replace(survey, progress=heard).table(m_logit, SEQUENCES)
    assert heard.events == [(done, 4) for done in (0, 1, 2, 3, 4)], "the twin is computed once"
    assert heard.parts == ["m_logit"] * 5


def test_dask_gives_the_same_digits(survey: StoredSurvey, tmp_path: Path):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        Dask(cluster.scheduler_address) as workers,
    ):
        on_dask = dataclasses.replace(survey, workers=workers, folder=tmp_path / "dask")
        table = on_dask.table(m_logit, SEQUENCES, residue=3)
        survived = on_dask.table(dies_once, SEQUENCES, marker=str(tmp_path / "died"))
    assert ("m_logit", "short") in survey.left_out
    assert (tmp_path / "died").exists()
    assert list(survived.subject) == list(SEQUENCES)
    pd.testing.assert_frame_equal(table, survey.table(m_logit, SEQUENCES, residue=3), check_exact=True)


def test_dask_that_is_missing_or_silent_is_one_clear_line(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("distributed")
    with pytest.raises(InputError, match="no Dask scheduler answers at 'nonsense://nowhere'"):
        Dask("nonsense://nowhere")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match="pip install distributed"):
        Dask("tcp://127.0.0.1:8786")


def test_no_worker_is_one_clear_line():
    with pytest.raises(InputError, match="at least one worker is needed, not 0"):
        Processes(0)


def test_a_file_is_whole_or_absent(tmp_path: Path):
    target = tmp_path / "folder" / "table.csv"
    with pytest.raises(UnicodeEncodeError):
        write_whole(target, "a,b\n\ud800")
    assert not target.exists()
    write_whole(target, "a,b\n")
    assert target.read_text() == "a,b\n"
