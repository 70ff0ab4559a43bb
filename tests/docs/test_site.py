"""The documentation site builds without a warning, and its search finds what people asked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from sphinx.search.en import SearchEnglish

ROOT = Path(__file__).parents[2]
QUESTIONS = tomllib.loads((Path(__file__).parent / "questions.toml").read_text("utf-8"))["question"]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    done = subprocess.run(
        [*command, str(ROOT / "docs"), str(folder)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def index(site):
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    return json.loads(re.fullmatch(r"Search\.setIndex\((.*)\)", text, re.DOTALL)[1])


def pages_with(index, word):
    """The pages that have this word, as the search of the site finds it."""
    stem = SearchEnglish({}).stem(word.lower())
    found = set()
    for terms in (index["terms"], index["titleterms"]):
        places = terms.get(stem, terms.get(word.lower(), []))
        found |= {places} if isinstance(places, int) else set(places)
    return {index["docnames"][place] for place in found}


def words_of(text):
    words = [word for word in re.split(r"\W+", text.lower()) if word]
    return [word for word in words if word not in SearchEnglish({}).stopwords]


def test_there_are_thirty_questions_with_their_sources():
    assert len(QUESTIONS) >= 30
    assert all(re.fullmatch(r"[a-z-]+#\d+", question["source"]) for question in QUESTIONS)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question["source"])
def test_the_search_finds_the_answer(index, question):
    found = [pages_with(index, word) for word in words_of(question["words"])]
    assert question["page"] in set.intersection(*found), question["ask"]


def test_pages_load_nothing_from_the_network(site):
    for page in site.rglob("*.html"):
        if page.stem == "architecture":  # its pictures are drawn by a script that is loaded
            continue
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|img|iframe)[^>]*\bsrc="(https?:[^"]*)"', text)
        loaded += re.findall(
            r'<link[^>]*rel="(?:stylesheet|preconnect)"[^>]*href="(https?:[^"]*)"', text
        )
        assert loaded == [], page


def test_each_extra_is_in_the_table_of_the_first_page():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    page = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert told == set(project["optional-dependencies"])


def test_every_public_name_is_in_the_reference(site):
    import qiskit_job_manager

    pages = [site / "reference" / "api.html", site / "reference" / "errors.html"]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    missing = [
        name
        for name in qiskit_job_manager.__all__
        if f'id="qiskit_job_manager.{name}"' not in text
        and f'id="qiskit_job_manager.errors.{name}"' not in text
    ]
    assert missing == []
