"""The front end's files as the server gives them out."""

from dashboard.web import assets
from tests.javascript import evaluate


def test_the_table_of_labels_is_the_one_of_core():
    written = assets.LABELS.read_text("utf-8")
    assert written == assets.labels_module(), "run python -m dashboard.web.assets"


def test_every_module_has_an_address_and_the_entry_comes_first():
    urls = assets.module_urls()
    assert {url.rpartition("/")[2] for url in urls} == {p.name for p in assets.SOURCES.glob("*.js")}
    assert urls[0].endswith("/mount.js")
    assert len({url.rpartition("/")[0] for url in urls}) == 1, "they import one another by name"
    assert all(assets.compressed(url) for url in urls)
    assert assets.compressed(urls[0].replace("mount.js", "../assets.py")) is None


def test_every_module_loads_outside_of_a_browser():
    assert evaluate("return typeof mount") == "function"
