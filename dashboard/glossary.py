"""What the field's words mean in one line each: for hovering over them, and as a page."""

import csv
import re
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parent.parent / "assets" / "glossary.csv"


@cache
def glossary() -> dict[str, str]:
    """Each term's meaning, in the order to explain them."""
    with FILE.open(newline="", encoding="utf-8") as table:
        return {row["term"]: row["meaning"] for row in csv.DictReader(table)}


def told(*terms: str) -> str:
    """Terms and their meanings as Markdown, for a hover; `KeyError` for a word that the glossary lacks."""
    return "\n\n".join(f"**{term}**: {glossary()[term]}" for term in terms)


def told_in(text: str) -> str:
    """The terms that a text uses and their meanings, in its order; empty where it uses none."""
    places = {term: re.search(rf"\b{re.escape(term)}s?\b", text, re.IGNORECASE) for term in glossary()}
    used = sorted((found.start(), term) for term, found in places.items() if found)
    return told(*(term for _, term in used))
