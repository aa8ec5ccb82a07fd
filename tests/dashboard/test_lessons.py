"""Lessons: their checks hold on the embedded model, their numbers are Explore's, and each can be walked to its end."""

from pathlib import Path

import pytest
from playwright.sync_api import expect
from streamlit.testing.v1 import AppTest

from core.alphabet import tokenize
from core.errors import InputError
from core.features.files import with_kept_dictionaries
from core.interventions import AblateHead, BlockAttention, Head, ShiftRope
from core.metrics import Target
from core.model import load_model
from core.run import run
from dashboard.glossary import glossary, told, told_in
from dashboard.lesson import Lesson, Step, holds, lessons, read_lesson, see
from dashboard.link import view_of
from dashboard.views.start import home, learn, words
from tests.dashboard.conftest import OpenPage
from tests.dashboard.test_circuit_lab import APP, SLOW

VIEWS = {view.PATH: view for view in (home, learn, words)}


def start(address: str, **link: str) -> AppTest:
    """One page as a script."""
    script = f"from importlib import import_module\nimport_module({VIEWS[address].__name__!r}).page()"
    app = AppTest.from_string(script, default_timeout=120)
    for name, value in link.items():
        app.query_params[name] = value
    return app.run()


STEPS = [
    pytest.param(step, id=f"{lesson.name} {number}")
    for lesson in lessons()
    for number, step in enumerate(lesson.steps, start=1)
]
HEAD = "---\ntitle: A\nquestion: B?\nminutes: 1\nsteps: []\n---\nText.\n"


@pytest.mark.parametrize("step", STEPS)
def test_what_a_lesson_says_holds_on_the_embedded_model(step: Step) -> None:
    numbers = see(step, with_kept_dictionaries(load_model("embedded"))).numbers
    assert step.check
    for statement in step.check:
        assert holds(statement, numbers), (statement, numbers)
    for text in (step.text, step.answer):
        assert "{" not in text.format_map(numbers)


def test_there_are_nine_in_the_order_of_their_files() -> None:
    assert len(lessons()) >= 9
    assert lessons()[0].title == "The prior"
    assert len({lesson.name for lesson in lessons()}) == len(lessons())


def test_a_links_view_is_what_it_says() -> None:
    model = load_model("embedded")
    link = {
        "example": "Trypsin, cow",
        "mask": "3, 1",
        "target": "A",
        "off": ["L2H3"],
        "scope": "The mask",
        "bos": "every head",
        "shift": "-2",
        "shifted": ["L1H1"],
        "side": "q and k (control)",
    }
    view = view_of(link, model)
    assert view.question.protein.sequence.startswith("IVGG")
    assert (view.question.masked, view.question.residue, view.question.letter) == ((0, 2), 2, "A")
    assert view.condition[0] == AblateHead(Head(1, 2), "mask")
    assert view.condition[-1] == ShiftRope(Head(0, 0), -2, "qk")
    n_heads = model.shape.n_layers * model.shape.n_heads
    assert sum(isinstance(part, BlockAttention) for part in view.condition) == n_heads
    tokens = tokenize(view.question.protein.sequence, [0, 2])
    gap = Target("A").gap(run(model, tokens, [view.condition]).logits[0, 3])
    step = Step(link, "", "", ["a"], "a", [], "")  # pyright: ignore[reportArgumentType]
    assert see(step, model).numbers["gap"] == pytest.approx(float(gap))


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ({"colour": "red"}, "a view has no 'colour'"),
        ({"example": "Unicorn"}, "no example 'Unicorn'"),
        ({"head": "L9H9"}, "no head 'L9H9'"),
        ({"scope": "Somewhere"}, "no scope 'Somewhere'"),
        ({"mask": ""}, "mask at least one residue"),
    ],
)
def test_a_link_that_explore_would_not_take_is_refused(link: dict[str, str], told: str) -> None:
    with pytest.raises(InputError, match=told):
        view_of(link, load_model("embedded"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Text alone.", "a lesson begins with a head of YAML"),
        (HEAD.replace("minutes: 1", "minutes: few"), "Expected `int`"),
        (HEAD.replace("title: A\n", ""), "`title`"),
        (
            HEAD.replace("[]", "[{view: {}, text: a, predict: b, choices: [c], right: d, check: [], answer: e}]"),
            "step 1: the right answer 'd' is none of its choices",
        ),
        (
            HEAD.replace(
                "[]", "[{view: {}, text: a, predict: b, choices: [c], right: c, check: [gap > 1], answer: e}]"
            ),
            "'gap > 1' is no check",
        ),
    ],
)
def test_a_file_that_is_no_lesson_is_refused_by_what_is_wrong(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "9-mine.md"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        read_lesson(path)
    assert told in str(error.value)
    path.write_text(HEAD)
    assert read_lesson(path) == Lesson("A", "B?", 1, [], name="mine", text="Text.")


@pytest.mark.parametrize("lesson", lessons(), ids=lambda lesson: lesson.name)
def test_every_lesson_can_be_walked_to_its_end(lesson: Lesson) -> None:
    """The first prediction is a wrong one: it is answered kindly, and the lesson goes on."""
    number = lessons().index(lesson) + 1
    app = start("learn", lesson=f"{number}. {lesson.title}")
    for at, step in enumerate(lesson.steps):
        assert len(app.radio) == at + 1
        said = step.right if at else next(choice for choice in step.choices if choice != step.right)
        app.radio[at].set_value(said).run(timeout=60)
        assert not app.exception
    assert not app.warning
    assert [each.value for each in app.success[:-1]] == ["As you said."] * (len(lesson.steps) - 1)
    assert "not what happens" in app.info[0].value
    assert app.success[-1].value == f"Done: 1 of {len(lessons())} lessons."
    assert app.query_params["done"] == lesson.name


def test_presenting_shows_one_step_at_a_time() -> None:
    app = start("learn", present="true")
    assert len(app.radio) == 1
    following = next(button for button in app.button if button.label == "Next")
    following.click().run(timeout=60)
    assert not app.exception
    assert "Step 2 of" in app.markdown[-1].value + "".join(each.value for each in app.markdown)
    assert len(app.radio) == 1


def test_a_lesson_begun_again_knows_no_answer() -> None:
    lesson = lessons()[0]
    app = start("learn", **{f"{lesson.name}-1": lesson.steps[0].right, "present": "true"})
    assert app.radio[0].value == lesson.steps[0].right
    next(button for button in app.button if button.label == "Next").click().run(timeout=60)
    next(button for button in app.button if button.label == "Begin again").click().run(timeout=60)
    assert not app.exception
    assert app.number_input(key="step").value == 1
    assert app.radio[0].value is None
    assert f"{lesson.name}-1" not in app.query_params


@pytest.mark.browser
def test_arrow_keys_turn_pages_though_an_answer_has_the_focus(open_page: OpenPage) -> None:
    page = open_page(APP, query="/learn?present=true")
    page.get_by_text("It can't tell: all about equal").first.click(timeout=SLOW)
    expect(page.get_by_text("not what happens").first).to_be_visible(timeout=SLOW)
    page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Step 2 of 3").first).to_be_visible(timeout=SLOW)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("Step 1 of 3").first).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("radio", name="It can't tell").first).to_be_checked(timeout=SLOW)


@pytest.mark.parametrize("path", ["", "glossary"])
def test_pages_that_ask_nothing_are_drawn(path: str) -> None:
    app = start(path)
    assert not app.exception
    assert not app.error
    assert app.markdown


def test_the_glossary_explains_its_terms_once() -> None:
    assert len(glossary()) > 30
    assert all(meaning.strip().endswith(".") for meaning in glossary().values())
    assert told("head", "logit").startswith("**head**: ")
    with pytest.raises(KeyError):
        told("unicorn")


def test_a_texts_terms_are_explained_in_its_order() -> None:
    said = told_in("Which heads read BOS? An overhead or a logit.")
    assert [line.split("**")[1] for line in said.split("\n\n")] == ["head", "BOS", "logit"]
    assert told_in("Nothing of the kind.") == ""
