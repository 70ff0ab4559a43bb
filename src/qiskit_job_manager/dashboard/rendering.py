"""Pages from templates, with the commands that stand beside them to copy.

Every text of others is made harmless on its way.
"""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from qiskit_job_manager.dashboard import figures
from qiskit_job_manager.dashboard.visit import encoded
from qiskit_job_manager.foreign_text import storable
from qiskit_job_manager.views import phrases
from qiskit_job_manager.views.escape import escape, shortened

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.responses import Response

    from qiskit_job_manager.dashboard.visit import Visit
    from qiskit_job_manager.model import JobSetRecord

STATIC = {"dashboard.js": "text/javascript", "dashboard.css": "text/css"}


@dataclass(frozen=True, slots=True)
class Pager:
    """Where a page of rows stands among all of them.

    Attributes:
        page: Its number, from 1.
        rows: Rows on a page.
        total: How many rows there are, or ``None`` if nobody counted.
        has_more: Whether a page follows.
    """

    page: int
    rows: int
    total: int | None
    has_more: bool

    @property
    def last(self) -> int | None:
        """The number of the last page, if it is known."""
        return None if self.total is None else max(1, -(-self.total // self.rows))


def pager(visit: Visit, total: int, rows: int) -> Pager:
    """Return where the page stands that was asked for."""
    return Pager(visit.page, rows, total, visit.page * rows < total)


def page(visit: Visit, template: str, status: int = 200, **values: Any) -> Response:
    """Return a page."""
    shared = {
        "visit": visit,
        "url": visit.url,
        "here": visit.here,
        "read_only": visit.is_read_only or visit.session is None,
        "form_key": visit.session.form_key if visit.session else "",
        "static": lambda name: f"{visit.url('static', name)}?v={static_version(name)}",
        "attention": 0,
        "ended": None,
        "job_set": None,
        "commands": [],
    }
    text = _environment().get_template(template).render({**shared, **values})
    return HTMLResponse(text, status_code=status)


def bare_page(template: str, status: int = 200, **values: Any) -> Response:
    """Return a page for those who are not let in, which shows nothing of the store."""
    text = _environment().get_template(template).render(values)
    return HTMLResponse(text, status_code=status)


def compile_templates() -> None:
    """Compile all templates, which the first page of each kind would wait for."""
    for name in _environment().list_templates():
        _environment().get_template(name)


@cache
def static_file(name: str) -> bytes:
    """Return the script or the style."""
    return resources.files("qiskit_job_manager.dashboard").joinpath("static", name).read_bytes()


@cache
def static_version(name: str) -> str:
    """Return a text that changes with a file, so that browsers may keep it for ever."""
    return hashlib.sha256(static_file(name)).hexdigest()[:12]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("qiskit_job_manager.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_harmless,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "lines": _lines,
        "exact": _exact,
        "cut": shortened,
        "number": lambda number: f"{number:,}",
        "seconds": lambda seconds: f"{seconds:,.1f}".removesuffix(".0"),
        "short_id": phrases.short_id,
        "duration": phrases.duration,
        "driver": _driver,
        "event_words": phrases.event_words,
        "state_after": phrases.state_after,
        "time": time_element,
    }
    environment.globals |= {
        "figures": figures,
        "plural": phrases.plural,
        "experiments": phrases.experiments,
        "encoded": encoded,
    }
    return environment


def _harmless(value: Any) -> Any:
    """Return a value as it is shown: what a browser would obey in a text is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return escape(value)
    return value


def _driver(owner: str) -> str:
    """Return who drives a job set, in words, or as it calls itself where that says more."""
    words = phrases.driver(owner)
    return words if " on " in words else shortened(owner, 24)


def _exact(text: str) -> Markup:
    """Return a text for a field of a form, which must send back what it was given."""
    return Markup("").join(map(_reference, storable(text)))


def _reference(character: str) -> Markup | str:
    # A browser takes references to the characters from 128 to 159 for others.
    if character.isprintable() or character == "\n" or "\x80" <= character <= "\x9f":
        return character
    return Markup("&#{};").format(ord(character))


def _lines(text: str, limit: int = 20_000) -> Markup:
    """Return a text of several lines, each made harmless, and cut."""
    lines = (escape(line) for line in text[:limit].split("\n"))
    more = "\n\u2026" if len(text) > limit else ""
    return Markup("{}{}").format("\n".join(lines), more)


def time_element(moment: datetime | None) -> Markup | str:
    """Return a time of day of the server's time zone; the page says the exact one in UTC."""
    if moment is None:
        return "\u2013"
    shown = f"{phrases.local(moment):%Y-%m-%d %H:%M:%S}"
    exact = moment.isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, shown)


# -- commands to copy ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Command:
    """One line to copy.

    Attributes:
        where: Where it is typed.
        line: The line.
    """

    where: str
    line: str


def qjm(*words: str) -> Command:
    """Return a line for a shell."""
    return Command("shell", shlex.join(["qjm", *words]))


def python(record: JobSetRecord, call: str) -> Command:
    """Return a line for Python, about one job set."""
    return Command("Python", f'JobManager().find("{record.job_set_id}").{call}')
