"""No text that a reader sees goes past the catalogues: what pages and views show is said by `t`.

Read off the source. In Python: the arguments of Streamlit's and of our own elements that are shown.
In the front end: every literal that reads like words, and every literal that goes onto an element.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.jslexer import tokenize

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "dashboard"
VIEWS = PAGES / "frontend" / "src"
# Routes answer programs; what of it people read, the views say.
NO_PAGES = ("api",)
PYTHON = sorted(p for p in PAGES.rglob("*.py") if p.parent.name not in NO_PAGES)
JAVASCRIPT = sorted(p for p in VIEWS.rglob("*.js") if p.name != "labels.js")

# Streamlit's elements whose first argument is read, and keywords of any of them that are.
ELEMENTS = frozenset(
    {
        "button",
        "caption",
        "checkbox",
        "dialog",
        "download_button",
        "expander",
        "file_uploader",
        "form_submit_button",
        "header",
        "html",
        "link_button",
        "markdown",
        "metric",
        "multiselect",
        "number_input",
        "pills",
        "popover",
        "radio",
        "segmented_control",
        "select_slider",
        "selectbox",
        "slider",
        "subheader",
        "text",
        "text_area",
        "text_input",
        "title",
        "toggle",
    }
)
# Our own, by the place of the arguments that are read.
OWN = {
    **{"card": (1, 2, 3), "empty": (0, 1), "first_run": (0, 1)},
    **{"problem": (0,), "heading": (0, 1, 2)},
    **dict.fromkeys(("segments", "selection", "number", "slider", "several"), (1,)),
}
KEYWORDS = ("label", "help", "placeholder", "note", "below", "subtitle")
# Keys that functions of the same names are given, and files.
NOT_SHOWN = re.compile(r"[a-z]+(_[a-z]+)+|[\w/]+\.(js|css)")

# Literals of the front end that read like words and are none.
NO_WORDS = re.compile(
    r"""
    [a-z0-9]*(-[a-z0-9${}.]*)*(\s[a-z]+(-[a-z0-9${}.]*)*)*   # classes of style sheets
    | .*\d(\.\d)?px\s.* | .*(rgba?|gradient|minmax|translate\w*|calc)\(.*     # style sheets' values
    | .*[\[>.=]\w+[\]=-].*                                   # selectors
    | Arrow\w* | Page(Up|Down) | Home | End | Enter | Escape | Esc | F2      # keys
    | X-\w+ | Accept-Language | NaN | \w*Error | Arrow       # headers, numbers, kinds of errors
    | [ab]\s[−-]\s[ab] | DOMContentLoaded
    """,
    re.VERBOSE,
)
MEANT = {
    "x unified": "a mode of plotly.js",
    "hovered data": "a mode of plotly.js",
    "each chart draws its own picture": "an error of whoever writes a chart",
    "plotly.js did not load": "caught, and said by the chart",
    "live view": "the console's",
    "training FLOPs": "a word that the glossary is asked for",
    "previous token": "a key of heads' patterns, said by CALLED",
    "first token": "a key of heads' patterns, said by CALLED",
    "duplicate token": "a key of heads' patterns, said by CALLED",
}
# What puts a text onto an element: its literal, even of one word.
LITERAL = r'(?:"([^"]+)"|`([^`]+)`)'
SINKS = [
    re.compile(before + LITERAL)
    for before in (
        r'\bel\("[a-z0-9]+",\s*"[^"]*",\s*',
        r'\bbuttonOf\("[^"]*",\s*',
        r"\b(?:title|ariaLabel|placeholder|textContent)\s?[=:]\s?",
        r"\bsay(?:Whole)?\([^,()]+,\s*",
        r'"aria-(?:label|valuetext|roledescription)",\s*',
        r"\b(?:explain|fillText|heading)\(",
    )
]
ONTO_ELEMENTS = {"N": "a norm in the drawing", "Esc": "the key's own name", "× ": "times"}


def words_of(text: str) -> str:
    """The letters of a text without its tags, entities and icons of Streamlit's."""
    plain = re.sub(r"(?s)<style>.*?</style>|<[^>]*>?|&\w+;|:material/\w+:|:gray\[", " ", text)
    return " ".join(re.findall(r"[^\W\d_]{2,}", plain))


def literals(node: ast.expr) -> Iterator[str]:
    """The literal parts of what an argument may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        yield "".join(
            part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "…"
            for part in node.values
        )
    elif isinstance(node, ast.IfExp):
        yield from (*literals(node.body), *literals(node.orelse))
    elif isinstance(node, ast.BinOp):
        yield from (*literals(node.left), *literals(node.right))
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from literals(value)


def escaping(source: str) -> list[str]:
    """What a Python module shows past the catalogues."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        of_streamlit = isinstance(function, ast.Attribute) and name in ELEMENTS
        places = OWN.get(name, (0,) if of_streamlit else ())
        shown = [node.args[place] for place in places if place < len(node.args)]
        if places:
            shown += [word.value for word in node.keywords if word.arg in KEYWORDS]
        found += [
            f"{node.lineno}: {text}"
            for argument in shown
            for text in literals(argument)
            if words_of(text) and not NOT_SHOWN.fullmatch(text)
        ]
    return found


def _fixed(text: str) -> str:
    """A template literal without its values."""
    return re.sub(r"\$\{(?:[^{}]|\{[^{}]*\})*\}", " ", text)


def in_script(source: str) -> list[str]:
    """What a module of the front end shows past the catalogues."""
    found = [
        f"onto an element: {text}"
        for sink in SINKS
        for match in sink.finditer(source)
        for text in filter(None, match.groups())
        if words_of(_fixed(text)) and text not in ONTO_ELEMENTS
    ]
    depth, said = 0, []  # how deep in parentheses, and at which depths `t(` was called
    before = ["", ""]
    imports = False
    for token in tokenize(source, jsx=False):
        value = token.value
        if token.type == "name" and value == "import":
            imports = before[1] != "."
        if token.type == "operator" and value == "(":
            depth += 1
            if before[1] in ("t", "tn") and before[0] != ".":
                said.append(depth)
        elif token.type == "operator" and value == ")":
            if said and said[-1] == depth:
                said.pop()
            depth -= 1
        elif token.type in ("string", "template_string"):
            text = value[1:-1]
            reads = re.search(r"[A-Za-z]{2,} +[A-Za-z]|^[A-Z][a-z]{2,}", _fixed(text))
            meant = NO_WORDS.fullmatch(text) or text in MEANT or "/" in text
            if reads and not (said or imports or meant):
                found.append(f"{token.lineno}: {text}")
            imports = False
        before = [before[1], value]
    return found


@pytest.mark.parametrize("path", PYTHON, ids=lambda p: p.relative_to(PAGES).as_posix())
def test_what_pages_show_is_said_by_the_catalogues(path: Path):
    assert escaping(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", JAVASCRIPT, ids=lambda p: p.relative_to(VIEWS).as_posix())
def test_what_views_show_is_said_by_the_catalogues(path: Path):
    assert in_script(path.read_text(encoding="utf-8")) == []


def test_a_text_that_escapes_is_found():
    assert escaping('st.button("Train", key="a")') == ["1: Train"]
    assert escaping("st.html(f'<b>The curves of {name}</b>')") == ["1: <b>The curves of …</b>"]
    assert escaping('cards.empty(t("No runs"), "Train one." if new else t("None"))')
    assert escaping('x.selectbox(t("A"), ["b"], help="What it is")') == ["1: What it is"]
    assert escaping('st.button(t("Train"), key="train", icon=":material/play:")') == []
    assert in_script('el("span", "anl-x", "edit")')
    assert in_script('node.title = "press"')
    assert in_script('const a = "Nothing was measured"') == ["1: Nothing was measured"]
    assert in_script('say(node, t("Nothing was measured"))') == []
    assert in_script('import { a } from "../some file.js"') == []
