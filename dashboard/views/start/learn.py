"""Lessons: predict, look, and understand, five minutes each."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.figures.explore import bos_attention_heads, prediction_bars
from core.interventions import describe
from core.model_files import EMBEDDED
from core.proteins.contact_scores import top_contacts
from core.proteins.structure import contact_truth
from dashboard import engine
from dashboard.controls import bound
from dashboard.glossary import told_in
from dashboard.lesson import Lesson, Seen, Step, holds, lessons, see
from dashboard.page_parts import draw, link_to
from dashboard.session import plain
from dashboard.views.explore import page as explore
from dashboard.widgets.linked_view import Heat, LinkedViewData, linked_view
from dashboard.widgets.turn_pages import turn_pages

TITLE, PATH, ASKS = "Learn", "learn", False
BACK, ON = "step-back", "step-on"
"""The keys of the buttons that turn a presentation's pages."""
LARGE = "<style>.stMainBlockContainer {font-size: 1.35rem; zoom: 1.25}</style>"


def page() -> None:
    titles = {lesson.name: f"{number}. {lesson.title}" for number, lesson in enumerate(lessons(), start=1)}
    row = st.container(horizontal=True, vertical_alignment="bottom")
    name = bound.select("Lesson", titles, "lesson", row, width=300)
    presenting = bound.toggle("Present", "present", row, help="One step at a time in large type, for a class.")
    lesson = next(each for each in lessons() if each.name == name)
    words = " ".join([lesson.question, lesson.text, *(step.text for step in lesson.steps)])
    presented = _presented(lesson, row) if presenting else 1
    row.button("Begin again", on_click=_forget, args=(lesson,), help="Takes the answers off the page and its address.")
    st.markdown(f"#### {lesson.question}", help=told_in(words) or None)
    if presented == 1:
        st.markdown(lesson.text)
    st.caption(f"About {lesson.minutes} minutes, on the embedded teaching model. Every number is computed now, here.")
    if presenting:
        st.html(LARGE)
        _step(lesson, presented)
        return
    for number in range(1, len(lesson.steps) + 1):
        if not _step(lesson, number):
            break
    else:
        _finished(lesson, list(titles))


def _presented(lesson: Lesson, row: DeltaGenerator) -> int:
    """The step on show; arrow keys turn the pages."""
    n_steps = len(lesson.steps)

    def turn(by: int) -> None:
        st.session_state["step"] = min(n_steps, max(1, st.session_state["step"] + by))

    number = bound.number("Step", 1, n_steps, 1, "step", row, width=bound.WIDTH)
    row.button("Back", BACK, on_click=turn, args=(-1,), disabled=number == 1, icon=":material/arrow_back:")
    row.button("Next", ON, on_click=turn, args=(1,), disabled=number == n_steps, icon=":material/arrow_forward:")
    with row:
        turn_pages(BACK, ON)
    return number


def _forget(lesson: Lesson) -> None:
    """Takes what was predicted away, for the next class or for a link to hand out."""
    st.session_state.update({_key(lesson, number): None for number in range(1, len(lesson.steps) + 1)})
    if "step" in st.session_state:
        st.session_state["step"] = 1


def _key(lesson: Lesson, number: int) -> str:
    """The key of what is predicted in a step."""
    return f"{lesson.name}-{number}"


def _step(lesson: Lesson, number: int) -> bool:
    """Draws a step, and its answer once something was predicted; whether that is so."""
    step = lesson.steps[number - 1]
    model = engine.model(EMBEDDED)
    key = ("lesson", model.fingerprint, tuple(sorted((name, str(value)) for name, value in step.view.items())))
    seen = engine.computed(key, lambda progress: see(step, model, progress), "Running the model")
    with st.container(border=True):
        st.markdown(f"**Step {number} of {len(lesson.steps)}.** {step.text.format_map(seen.numbers)}")
        predicted = st.radio(
            step.predict, step.choices, index=None, key=_key(lesson, number), bind="query-params", horizontal=True
        )
        if predicted is None:
            st.caption("Choose what you expect; then the model is shown.")
            return False
        left, right = st.columns([2, 3], gap="large")
        with left:
            _answer(step, predicted, seen)
            link_to(explore, "Open in Explore", step.view)
        with right:
            _panel(step, seen, f"{lesson.name} {number}")
    return True


def _answer(step: Step, predicted: str, seen: Seen) -> None:
    """What was predicted, what is seen, and a word where this model does otherwise than the lesson says."""
    numbers = seen.numbers
    if not all(holds(statement, numbers) for statement in step.check):
        st.warning("The model here does otherwise than this lesson expects: trust the picture, not the text.")
    if predicted == step.right:
        st.success("As you said.", icon=":material/check:")
    else:
        st.info(f"You said: {plain(predicted)}. A fair guess, and not what happens.", icon=":material/search:")
    st.markdown(step.answer.format_map(numbers))


def _panel(step: Step, seen: Seen, key: str) -> None:
    question, condition = seen.view.question, seen.view.condition
    asked = f"{plain(question.protein.name)}, {question.residue_label} masked"
    said = f"{asked}. {describe(condition)}." if condition else f"{asked}. Nothing is switched off."
    if step.panel == "prediction":
        after, outline = (seen.after, " Grey outline: nothing edited.") if condition else (None, "")
        draw(prediction_bars(seen.before, after, question.letter), f"{said}{outline}", key)
    elif step.panel == "attention to BOS":
        at = question.residue + 1
        clean, edited = seen.clean.bos_attention[:, :, at], seen.edited.bos_attention[:, :, at] if condition else None
        draw(bos_attention_heads(clean, edited, question.residue_label), f"{said} Dark: the head attends to BOS.", key)
    else:
        _contacts(seen, said, key)


def _contacts(seen: Seen, said: str, key: str) -> None:
    protein, predicted = seen.view.question.protein, seen.edited.contact_head
    if predicted is None or protein.structure is None:
        st.info("This view has no contact map beside a structure.")
        return
    data = LinkedViewData.of(
        protein,
        Heat(predicted, "contact score", "edited", 0.0, 1.0),
        Heat(contact_truth(protein.structure)[0], "true contact", "truth"),
        top_contacts(predicted, min_separation=24),
        map_title="Where are the contacts?",
        map_caption="Above the diagonal what the contact head says, below it the truth.",
        structure_title="Where are they in 3D?",
        structure_caption=said,
    )
    linked_view(data, key=key)


def _finished(lesson: Lesson, names: list[str]) -> None:
    """Keeps in the address which lessons are done, and offers the next."""
    done = set(st.query_params.get("done", "").split()) | {lesson.name}
    st.query_params["done"] = " ".join(name for name in names if name in done)
    st.success(f"Done: {len(done)} of {len(names)} lessons.", icon=":material/school:")
    left = [name for name in names if name not in done]
    if left:
        st.button("Next lesson", on_click=st.session_state.update, kwargs={"lesson": left[0]}, type="primary")
