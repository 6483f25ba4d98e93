"""The front end's files as the server gives them out."""

from dashboard.web import assets
from tests.javascript import evaluate


def test_the_table_of_labels_is_the_one_of_core():
    written = assets.LABELS.read_text("utf-8")
    assert written == assets.labels_module(), "run python -m dashboard.web.assets"


def test_every_module_has_an_address_and_the_entry_comes_first():
    urls = assets.module_urls()
    base = urls[0].removesuffix("mount.js")
    written = {p.relative_to(assets.SOURCES).as_posix() for p in assets.SOURCES.rglob("*.js")}
    assert {url.removeprefix(base) for url in urls} == written, "they import one another by paths"
    assert urls[0].endswith("/mount.js")
    assert all(assets.compressed(url) for url in urls)
    assert assets.compressed(urls[0].replace("mount.js", "../assets.py")) is None


def test_every_module_loads_outside_of_a_browser():
    assert evaluate("return typeof mount") == "function"
