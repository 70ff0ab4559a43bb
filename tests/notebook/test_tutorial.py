"""The tutorial runs in a real kernel, and shows what it says."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.ipynb"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of each code cell by its source, as a front end gets them."""
    patch = pytest.MonkeyPatch()
    for name in ("HOME", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
    patch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of the notebook's own machinery
        import nbformat
        from nbclient import NotebookClient

        notebook = nbformat.read(TUTORIAL, as_version=4)
        NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    patch.undo()
    return {cell.source: cell.outputs for cell in notebook.cells if cell.cell_type == "code"}


def of(outputs, source):
    """The outputs of the first cell that has this in its source."""
    return next(shown for text, shown in outputs.items() if source in text)


def html(shown):
    return "".join(each["data"]["text/html"] for each in shown if "text/html" in each["data"])


def test_readers_of_the_file_see_what_the_cells_show(outputs):
    import json

    cells = json.loads(TUTORIAL.read_text(encoding="utf-8"))["cells"]
    kept = {"".join(cell["source"]): cell["outputs"] for cell in cells if "outputs" in cell}
    kinds = {source: [each["output_type"] for each in shown] for source, shown in kept.items()}
    assert kinds == {
        source: [each.output_type for each in shown] for source, shown in outputs.items()
    }


def test_the_progress_is_one_display_that_ends_with_the_last_state(outputs):
    shown = of(outputs, "progress=True")
    displays = [each for each in shown if each.output_type == "display_data"]
    assert len(displays) == 1
    assert "41 of 41 circuits" in displays[0]["data"]["text/html"]
    assert (
        "rabi: 41 of 41 circuits \u00b7 9 of 9 jobs \u00b7 9 done"
        in displays[0]["data"]["text/plain"]
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("results = job_set.results(", "rabi_4"),
        ("max_experiments_per_job=5", None),
        ("manager = JobManager(store)\nmanager", "no job sets yet"),
    ],
)
def test_objects_show_themselves_as_html(outputs, source, words):
    shown = of(outputs, source)
    if words:
        assert words in html(shown)
    assert all(each.output_type != "error" for each in shown)


@pytest.mark.parametrize("source", ["plot_histogram", "plot_timeline", 'draw("mpl")'])
def test_each_picture_is_shown_once(outputs, source):
    pictures = [each for each in of(outputs, source) if "image/png" in each["data"]]
    assert len(pictures) == 1


@pytest.mark.parametrize(
    ("source", "result"),
    [
        ("await job_set", "True"),
        ("len(combined.results)", "41"),
        ("retrieve_job_set", "True"),
        ("sorted(heard)", "'called back'"),
        ("job_set.status()", "JobStatus.DONE"),
    ],
)
def test_what_it_computes_is_right(outputs, source, result):
    assert result in of(outputs, source)[-1]["data"]["text/plain"]
