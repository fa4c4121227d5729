"""Every code of why something came to nothing has words on the pages, in both languages."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from collab_server.explain import Explained, Why, split
from collab_server.problems import Conflict, Invalid, TooMany
from connectors import model

SERVER = Path(__file__).parents[2] / "collab_server"
WORDS = SERVER / "web" / "src" / "lib"
FACING = ("sessions", "placed", "pairing", "invite", "floor")
"""Packages whose refusals a user's or an agent's page shows."""
FOR_SITES = {"limits.py", "post.py"}
"""Of `placed`: what a web site's own program is told."""


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_code_has_words_and_no_words_are_for_nothing(language: str) -> None:
    said: set[str] = set()
    for book in WORDS.glob(f"{language}*.ts"):
        said |= set(re.findall(r'"why\.([a-z_]+)":', book.read_text()))
    assert said == set(Why)


def test_the_codes_of_connectors_are_the_servers_too() -> None:
    assert {why.value for why in model.Why} <= set(Why)


def refusals() -> list[str]:
    """Conflicts and limits that are raised with a sentence and no code."""
    bare = []
    for path in (path for name in FACING for path in (SERVER / name).rglob("*.py")):
        if path.parent.name == "placed" and path.name in FOR_SITES:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id not in ("Conflict", "TooMany"):
                continue
            coded = any(given.arg == "why" for given in node.keywords)
            sentence = node.args[-1] if node.args else None
            if not coded and isinstance(sentence, ast.Constant | ast.JoinedStr):
                bare.append(f"{path.relative_to(SERVER)}:{node.lineno}")
    return bare


def test_what_a_page_is_refused_comes_with_a_code() -> None:
    assert refusals() == []


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        (str(Explained(Why.DENIED, "nobody: not there")), "denied", "nobody: not there"),
        (model.Why.NO_PHONE.says("no telephone of x"), "no_phone", "no telephone of x"),
        ("QueuePause: Permission denied", "", "QueuePause: Permission denied"),
        ("some_word: of a later version", "", "some_word: of a later version"),
        ("", "", ""),
    ],
)
def test_a_stored_text_gives_its_code_back(text: str, code: str, sentence: str) -> None:
    assert split(text) == (code, sentence)


def test_a_problem_says_its_code_beside_the_sentence() -> None:
    explained = Explained(Why.LIMIT_CALL, "3 calls were tried")
    for problem in (Conflict(explained), Invalid(explained, "uri"), TooMany(9, explained)):
        document = problem.document()
        assert (document["why"], document["detail"]) == ("limit_call", "3 calls were tried")
    assert "why" not in Conflict("as it was").document()
