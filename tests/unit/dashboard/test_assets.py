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
    of_pages = {name for name in written if not name.startswith(assets.PUBLISHED)}
    assert {url.removeprefix(base) for url in urls} == of_pages, "they import one another by paths"
    assert urls[0].endswith("/mount.js")
    assert all(assets.compressed(url) for url in urls)
    assert assets.compressed(urls[0].replace("mount.js", "../assets.py")) is None


def test_every_module_loads_outside_of_a_browser():
    assert evaluate("return typeof mount") == "function"


def test_what_streamlit_does_not_promise_is_named_in_one_file_of_each_kind():
    known = {"css/streamlit.css", "src/ui/streamlit.js"}
    files = [*assets.FRONTEND.glob("css/*.css"), *assets.SOURCES.rglob("*.js")]
    found = {p for p in files if "data-testid" in p.read_text("utf-8")}
    assert {p.relative_to(assets.FRONTEND).as_posix() for p in found} == known
    private = {
        p.name for p in assets.SOURCES.rglob("*.js") if "_fullLayout" in p.read_text("utf-8")
    }
    assert private == {"plotly.js"}
