"""The pages together, behind the guard."""

from __future__ import annotations

import logging
import time
from asyncio import get_running_loop
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from qiskit_job_manager.clock import SystemClock
from qiskit_job_manager.dashboard import (
    actions,
    api,
    experiments,
    exports,
    figures,
    job_set_list,
    job_set_pages,
    rendering,
    store_page,
)
from qiskit_job_manager.dashboard.guard import LARGEST_FORM_BYTES, Guard
from qiskit_job_manager.dashboard.visit import Visit
from qiskit_job_manager.errors import (
    InvalidArgumentError,
    JobManagerError,
    JobManagerInvalidStateError,
    JobManagerJobNotFound,
    JobManagerUnknownJobSet,
    ManagedResultDataNotAvailable,
    NameInUseError,
    StoreError,
)
from qiskit_job_manager.patience import patient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.types import ASGIApp

    from qiskit_job_manager.dashboard.guard import Place, Sessions
    from qiskit_job_manager.dashboard.opened_store import GivenStore, OpenedStore

    View = Callable[[Visit], Response]

logger = logging.getLogger(__name__)

_PATIENCE_S = 3.0
"""How long a page waits for a store that is busy before it says so."""

_AT_ONCE = 4
_MOST_FIELDS = 500

_STATUS: tuple[tuple[type[JobManagerError], int], ...] = (
    (JobManagerUnknownJobSet, 404),
    (JobManagerJobNotFound, 404),
    (ManagedResultDataNotAvailable, 404),
    (InvalidArgumentError, 400),
    (NameInUseError, 409),
    (StoreError, 503),
    (JobManagerInvalidStateError, 409),
)

_SET = "/sets/{job_set_id}"
_VIEWS: dict[str, View] = {
    "/": job_set_list.index,
    "/plan": actions.plan,
    "/exports": exports.choose,
    "/store": store_page.show,
    _SET: job_set_pages.overview,
    f"{_SET}/jobs": job_set_pages.jobs,
    f"{_SET}/jobs/{{job}}": job_set_pages.job,
    f"{_SET}/log": job_set_pages.log,
    "/mark.json": api.mark,
    "/metrics": api.metrics,
    "/api/sets.json": api.job_sets,
    "/api/doctor.json": api.findings,
    f"/api{_SET}.json": api.job_set,
    f"/api{_SET}/watch.json": api.watch,
    f"/api{_SET}/log.json": api.log,
}
_VIEWS_WITH_QISKIT: dict[str, View] = {
    f"{_SET}/results": experiments.index,
    f"{_SET}/results/{{experiment}}": experiments.show,
    f"{_SET}/compare": experiments.compare,
    f"{_SET}/sweep": experiments.sweep,
    f"/api{_SET}/results.json": api.results,
}
"""Views that read circuits or results.

All of them run in one thread that lives as long as the pages: Qiskit that is first imported by two
threads at once is left half imported, and reading QPY in several threads has ended the process.
"""


_NO_QUESTION: dict[str, Any] = {"query_string": b"", "headers": [], "session": None}


def _thread_with_qiskit() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, "qjm-dashboard-qiskit", initializer=_import_qiskit)


def _import_qiskit() -> None:
    import qiskit.primitives
    import qiskit.qpy
    import qiskit.result
    import qiskit.visualization  # noqa: F401


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """What the pages of one server share.

    Attributes:
        store: The store.
        sessions: Who may come in.
        place: Where the server is reached.
        is_read_only: Whether nothing can be changed.
        clock: Gives the time.
        with_qiskit: The one thread of all views that read circuits or results.
    """

    store: OpenedStore | GivenStore
    sessions: Sessions
    place: Place
    is_read_only: bool = False
    clock: SystemClock = field(default_factory=SystemClock)
    with_qiskit: ThreadPoolExecutor = field(default_factory=_thread_with_qiskit)

    def warm_up(self) -> None:
        """Do beforehand what the first request of each kind would wait for.

        That is to open the store, to compile templates and statements, and to import Qiskit, which
        goes on in the background. A store in trouble is left to the pages, which say so.
        """
        rendering.compile_templates()
        for path, parts in self._first_views():
            asked = Request({"type": "http", "path": path, "path_params": parts, **_NO_QUESTION})
            if self._answer(_VIEWS[path], asked, {}).status_code != 200:
                break  # the others would wait for the same store
        self.with_qiskit.submit(_import_qiskit)

    def _first_views(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        yield from (("/", {}), ("/store", {}), ("/mark.json", {}))
        with suppress(JobManagerError):
            newest = self.store.get().job_sets(limit=1)
            tails = ("", "/jobs", "/log") if newest else ()
            yield from ((_SET + tail, {"job_set_id": newest[0].job_set_id}) for tail in tails)

    def asgi(self) -> ASGIApp:
        """Return the application for a server."""
        # Made here: the limit belongs to the event loop that uses it first.
        limit = CapacityLimiter(_AT_ONCE)
        routes = [Route(path, self._endpoint(view, limit)) for path, view in _VIEWS.items()]
        routes += [
            Route(path, self._endpoint_in_turn(view, self.with_qiskit))
            for path, view in _VIEWS_WITH_QISKIT.items()
        ]
        routes += [
            Route(f"{_SET}/export", self._endpoint(exports.export, limit, after=self.with_qiskit)),
            Route("/do", self._endpoint(actions.act, limit), methods=["POST"]),
            Route("/static/{name}", _static),
            Route("/favicon.svg", _favicon),
        ]
        pages = Starlette(routes=routes, exception_handlers={HTTPException: self._no_page})
        return Guard(
            pages,
            sessions=self.sessions,
            place=self.place,
            ask_to_log_in=lambda status: rendering.bare_page("login.html", status),
            welcome=lambda: rendering.bare_page("welcome.html"),
            is_read_only=self.is_read_only,
        )

    def _endpoint(
        self, view: View, limit: CapacityLimiter, after: ThreadPoolExecutor | None = None
    ) -> Callable[[Request], Any]:
        """Return what answers in one of a few threads; ``after`` what imports Qiskit, if given."""

        async def endpoint(request: Request) -> Response:
            if after is not None:
                await get_running_loop().run_in_executor(after, _import_qiskit)
            form = await _form(request) if request.method == "POST" else {}
            answer = partial(self._timed_answer, view, request, form)
            return await to_thread.run_sync(answer, limiter=limit)

        return endpoint

    def _endpoint_in_turn(self, view: View, thread: ThreadPoolExecutor) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            answer = partial(self._timed_answer, view, request, {})
            return await get_running_loop().run_in_executor(thread, answer)

        return endpoint

    def _timed_answer(
        self, view: View, request: Request, form: Mapping[str, list[str]]
    ) -> Response:
        """Answer, and tell the script of the page what that took: it adapts its pace."""
        began_s, cpu_began_s = self.clock.monotonic(), time.thread_time()
        answer = self._answer(view, request, form)
        total_ms = 1000 * (self.clock.monotonic() - began_s)
        cpu_ms = 1000 * (time.thread_time() - cpu_began_s)
        answer.headers["Server-Timing"] = f"total;dur={total_ms:.1f}, cpu;dur={cpu_ms:.1f}"
        return answer

    def _answer(self, view: View, request: Request, form: Mapping[str, list[str]]) -> Response:
        try:
            with patient(_PATIENCE_S):
                return view(self._visit(request, form))
        except JobManagerError as error:
            self.store.note(error)
            return self._error_page(request, error.message, _status_of(error))
        except Exception:  # a page that fails must not show what it was made of
            logger.exception("a page of the dashboard failed: %s", request.url.path)
            words = "This page failed. The terminal of the dashboard says more."
            return self._error_page(request, words, 500)

    def _visit(self, request: Request, form: Mapping[str, list[str]]) -> Visit:
        query = parse_qs(request.url.query, max_num_fields=_MOST_FIELDS)
        return Visit(
            store=self.store.get(),
            clock=self.clock,
            path=request.scope["path"],
            parts=request.path_params,
            query=query,
            form=form,
            session=request.scope["session"],
            is_read_only=self.is_read_only,
            script_key=self.sessions.script_key,
        )

    def _error_page(self, request: Request, words: str, status: int) -> Response:
        path = request.scope["path"]
        if path.endswith(".json"):
            return JSONResponse({"error": words}, status_code=status)
        root = "../" * (path.count("/") - 1) or "./"
        phrase = HTTPStatus(status).phrase
        return rendering.bare_page("error.html", status, words=words, root=root, phrase=phrase)

    async def _no_page(self, request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        words = "There is no such page." if status == 404 else "This page cannot be asked so."
        return self._error_page(request, words, status)


def _status_of(error: JobManagerError) -> int:
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


async def _form(request: Request) -> dict[str, list[str]]:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_FORM_BYTES:
            raise HTTPException(413)
    try:
        text = body.decode()
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise HTTPException(400) from error


async def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in rendering.STATIC:
        return PlainTextResponse("There is no such file.\n", status_code=404)
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    kind = rendering.STATIC[name]
    return Response(rendering.static_file(name), media_type=kind, headers=headers)


async def _favicon(request: Request) -> Response:
    number = request.query_params.get("n", "0")
    count = int(number) if number.isascii() and number.isdecimal() and len(number) < 7 else 0
    text = figures.favicon(count)
    headers = {"Cache-Control": "public, max-age=3600"}
    return Response(text, media_type="image/svg+xml", headers=headers)
