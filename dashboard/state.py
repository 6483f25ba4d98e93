"""What a page remembers: the settings of its widgets, and the runs that its address names.

A setting's widget key is its dotted name with underscores, and that key is also its name in the
address, which takes the dotted name too. Everything that arrives from there goes through
`core.config`: what is wrong becomes a sentence and the default.
"""

from __future__ import annotations

import difflib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, get_args

import streamlit as st
from pydantic import TypeAdapter, ValidationError
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import presets
from core.config import (
    ModelConfig,
    RunConfig,
    adapt,
    explain,
    layers,
    overrides,
    resolve,
    settings,
)
from core.runs import Run, RunError, RunStore
from core.verdicts.labels import LIVE as LIVE
from dashboard import chosen
from dashboard.live import feed as live

SETTINGS = settings()
DEFAULT = RunConfig()
DEFAULTS = DEFAULT.flat()
# Settings that are lists, held by their widgets in a short form.
LISTS: dict[str, tuple[TypeAdapter[Any], Any]] = {
    "model.overrides": (TypeAdapter(tuple[overrides.Override, ...]), overrides.parse),
    "training.switches": (TypeAdapter(tuple[overrides.Switch, ...]), overrides.parse_switches),
}
REMEMBERED = "lab_settings"  # what the Lab's widgets held last
Address = dict[str, str]


def key(dotted: str) -> str:
    """`model.depth` -> `model_depth`."""
    return dotted.replace(".", "_")


KEYS = {key(dotted): dotted for dotted in SETTINGS}
IN_ADDRESS = {**KEYS, **{dotted: dotted for dotted in SETTINGS}, "preset": ""}  # all spellings


def store() -> RunStore:
    """The folder of runs that this server shows; the routes read the same one."""
    return live.store()


# Settings


def is_auto(dotted: str) -> bool:
    """Whether a setting is `auto` or a number."""
    arms = get_args(SETTINGS[dotted].annotation)
    return int in arms and any("auto" in get_args(arm) for arm in arms)


def to_widget(dotted: str, value: Any) -> Any:
    """A setting's value as its widget holds it."""
    if value is None:
        return ""
    if dotted in LISTS:
        return value if isinstance(value, str) else overrides.text(value, people=True)
    return str(value) if is_auto(dotted) else value


def from_widget(dotted: str, value: Any) -> Any:
    """The inverse; a text that is no number stays a text, for `core.config` to refuse."""
    if value in ("", None):
        return DEFAULTS[dotted]
    if is_auto(dotted):
        text = str(value).strip().lower()
        return int(text) if text.isdecimal() and len(text) < 20 else text
    if dotted in LISTS:
        return _list(dotted, value)
    return value


def _list(dotted: str, value: Any) -> Any:
    """As `RunConfig.flat` has them; what can't be read stays a text, to be refused.

    People count layers from 1, settings from 0 (`core.config.layers`).
    """
    try:
        adapter, parse = LISTS[dotted]
        parsed = adapter.validate_python(parse(overrides.typed(value)))
    except ValueError:
        return value
    return tuple(one.model_dump() for one in parsed)


class _Held(threading.local):
    """What a script's thread has read of the widgets; None outside of `held`."""

    values: dict[str, Any] | None = None


_HELD = _Held()


@contextmanager
def held() -> Iterator[None]:
    """Read the widgets once for all that is drawn within; `reread` what a drawn one may change.

    Reading all of them takes 3 ms, and drawing each asks for the others a few times.
    """
    _HELD.values = _read_widgets()
    try:
        yield
    finally:
        _HELD.values = None


def reread(dotted: str) -> None:
    """A setting's widget was drawn: from now on it may hold something else."""
    if _HELD.values is not None and key(dotted) in st.session_state:
        _HELD.values[dotted] = from_widget(dotted, st.session_state[key(dotted)])


def _read_widgets() -> dict[str, Any]:
    state = st.session_state
    values = {d: from_widget(d, state[k]) for k, d in KEYS.items() if k in state}
    return {**DEFAULTS, **state.get(REMEMBERED, {}), **values}


def widget_values() -> dict[str, Any]:
    """Every setting as the widgets hold it now; on other pages as they held it last."""
    values = _read_widgets() if _HELD.values is None else {**_HELD.values}
    if values["data.corpus"] != "file":
        values["data.path"] = None
    return values


def remember_settings() -> None:
    """Keep what the widgets hold: they are forgotten where no page draws them."""
    st.session_state[REMEMBERED] = widget_values()


def arrive(page: str) -> None:
    """Note how the browser came to this run of a page's script; called before the page is drawn.

    `by_address`: by a new tab, a reload, or Back and Forward on the same page, whose address says
    everything. `from_page`: from another page, by a link, or Back to an entry that Streamlit
    emptied on the way out. Empty: it was here before.
    """
    remembered = st.session_state
    context = get_script_run_ctx()
    before = remembered.get("page_before")
    if before is not None and before != page:
        remembered["arrival"] = "from_page"
    elif before is None or (context is not None and context.is_history_navigation):
        remembered["arrival"] = "by_address"
    remembered["page_before"] = page


def take_arrival() -> str:
    """How the browser came here, told once for each arrival (see `arrive`)."""
    unknown = "" if "address_problems" in st.session_state else "by_address"
    return str(st.session_state.pop("arrival", "") or unknown)


def arrived_settings(how: str, address: Address) -> tuple[dict[str, Any], list[str], bool]:
    """Every setting as an arrival means it, a sentence for each that can't be taken, and whether
    the address said them.

    What the address leaves out is the default, unless the reader comes from another page and it
    says nothing of settings: then they are as they were left.
    """
    silent = not any(name in IN_ADDRESS for name in address)
    if how == "from_page" and silent and REMEMBERED in st.session_state:
        return dict(st.session_state[REMEMBERED]), [], False
    found, problems = from_address(address)
    return {**DEFAULTS, **found}, problems, True


def read(values: dict[str, Any], name: str = "") -> tuple[RunConfig | None, str]:
    """The settings, or None and one sentence that says what is wrong with them."""
    if values["data.corpus"] == "file" and not values["data.path"]:
        return None, "Choose a text file, or another corpus."
    for dotted in LISTS:
        if sentence := _unreadable(values[dotted]):
            return None, f"{dotted}: {sentence}"
    try:
        return RunConfig.from_flat(values, name), ""
    except ValidationError as error:
        return None, layers.sentence(explain(error))


def _unreadable(typed: Any) -> str:
    """What is wrong with a list in short form where it says what the library can't see."""
    try:
        overrides.typed(typed)
    except ValueError as error:
        return f"{error}."
    return ""


def wiring(values: dict[str, Any]) -> ModelConfig:
    """The network to draw: as much of the settings as fits together."""
    config, _ = read(values)
    if config is not None:
        return config.model
    names = ("residual", "placement", "norm", "depth", "scaling")
    model = {name: values[f"model.{name}"] for name in names}
    try:
        return ModelConfig(**model)
    except ValidationError:
        return ModelConfig()


def show(config: RunConfig) -> None:
    """Turn every switch to a config's value; to be called in a callback."""
    for dotted, value in config.flat().items():
        st.session_state[key(dotted)] = to_widget(dotted, value)


def model_values() -> dict[str, Any]:
    """The network's settings by field, as the widgets hold them; unreadable ones are left out."""
    values = {d.removeprefix("model."): v for d, v in widget_values().items() if "model." in d}
    readable = isinstance(values["overrides"], tuple)
    given = values["overrides"] if readable else ()
    return {**values, "overrides": tuple(overrides.Override(**one) for one in given)}


def changed(dotted: str = "") -> None:
    """After a switch was turned: resolve what is obvious, forget what the address got wrong."""
    st.session_state["address_problems"] = []
    for other, value in resolve(widget_values(), dotted).items():
        st.session_state[key(other)] = to_widget(other, value)


def from_address(address: Address) -> tuple[dict[str, Any], list[str]]:
    """The settings that an address names, and a sentence for each that can't be taken."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    if "preset" in address:
        try:
            preset = presets.load(address["preset"]).config.flat()
            found = {d: v for d, v in preset.items() if v != DEFAULTS[d]}
        except ValueError as error:
            problems.append(str(error))
    for name, text in sorted(address.items(), key=lambda one: one[0] in KEYS):  # which come last
        if name == "preset":
            continue
        dotted = IN_ADDRESS.get(name)
        if dotted is None:
            problems += _unknown(name)
            continue
        try:
            found[dotted] = _checked(dotted, from_widget(dotted, text))
        except ValidationError as error:
            problems.append(
                f"The address says {dotted} = {text[:60]}, which is not possible"
                f" ({_reason(error)}); {DEFAULTS[dotted] or 'nothing'} is used."
            )
    if "model.family" in found:
        for dotted, value in adapt({**DEFAULTS, **found}, DEFAULTS, "data.corpus").items():
            found.setdefault(dotted, value)
    for dotted in ("model.scaling", "model.placement", "model.norm"):
        if found.get("model.family") == "resnet":
            break
        if found.get(dotted) == "none" or (dotted == "model.scaling" and dotted in found):
            found.update(resolve({**DEFAULTS, **found}, dotted))
    if found.get("data.path"):
        found.setdefault("data.corpus", "file")
    return found, problems


def rewrite_address(address: Address, found: dict[str, Any]) -> bool:
    """Make the address say what was understood of it; whether that changed it.

    To be called before any widget is bound to it.
    """
    others = {k: v for k, v in address.items() if k not in IN_ADDRESS}
    meant = {key(d): _in_address(to_widget(d, v)) for d, v in found.items() if v != DEFAULTS[d]}
    changed = {k: v for k, v in address.items() if k in IN_ADDRESS} != meant
    if changed:
        st.query_params.from_dict({**others, **meant})
    return changed


def _in_address(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _checked(dotted: str, value: Any) -> Any:
    """One setting's value by its own limits; whether it fits the others is seen later."""
    field = SETTINGS[dotted]
    kind: Any = Annotated[field.annotation, field]
    if _unreadable(value):
        value = f"?{value}"  # a layer 0 that the library would take
    value = TypeAdapter(kind).validate_python(value)
    group, leaf = dotted.split(".")
    try:
        RunConfig.model_validate({group: {leaf: value}})
    except ValidationError as error:
        if any(e["type"] != "impossible" for e in error.errors()):
            raise
    return value


def _reason(error: ValidationError) -> str:
    errors = error.errors(include_url=False)
    if len(errors) > 1:
        return "input should be auto or a whole number"
    message = str(errors[0]["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _unknown(name: str) -> list[str]:
    """A sentence on a name that is meant for a setting; others (`lab_runs`, `utm`) may be there."""
    plain = key(name).lower()
    near = difflib.get_close_matches(plain, [*KEYS, "preset"], n=1, cutoff=0.8)
    if not near:  # a setting without its group, as `depth`
        leaves = {dotted.partition(".")[2]: own for own, dotted in KEYS.items()}
        near = [leaves[one] for one in difflib.get_close_matches(plain, leaves, n=1, cutoff=0.8)]
    if not near:
        if plain.partition("_")[0] not in {dotted.partition(".")[0] for dotted in SETTINGS}:
            return []
        near = difflib.get_close_matches(plain, KEYS, n=1)
    hint = f"; did you mean {near[0]}?" if near else "."
    return [f"The address names {name}, which is not a setting{hint}"]


# Runs


def runs_in_address(name: str) -> tuple[list[Run], list[str]]:
    """The runs that `?name=a,b` lists, and a sentence for each that does not exist."""
    found: list[Run] = []
    problems: list[str] = []
    for id in dict.fromkeys(str(st.query_params.get(name, "")).split(",")):
        if not id:
            continue
        try:
            run = store().open(id)
            run.config  # noqa: B018 - reading it is the check
            found.append(run)
        except RunError:
            problems.append(f"The address names run {id[:80]}, which is not in {store().root}.")
    return found, problems


def put_runs(name: str, ids: Iterable[str]) -> None:
    """List runs in the address."""
    text = ",".join(ids)
    if text:
        st.query_params[name] = text
    elif name in st.query_params:
        del st.query_params[name]


def lab_runs() -> tuple[list[Run], list[str]]:
    """The Lab's run in focus and the one beside it: the address's, else those that were chosen on
    another page or started last, else the newest and its twin."""
    shown, problems = runs_in_address("lab_runs")
    if not shown:
        every = store().list()
        by_id = {run.id: run for run in every}
        shown = [by_id[id] for id in chosen.remembered(by_id) or chosen.started() if id in by_id]
        if shown:
            return shown, problems
        shown = every[-1:]
        twin = shown[0].meta["twin_of"] if shown else None
        shown += [run for run in every if run.id == twin]
    return shown[:2], problems


def settle_lab_runs(ids: Iterable[str]) -> None:
    """Runs that the Lab's address names are chosen for all pages; chosen ones go into it."""
    shown, named = list(ids), str(st.query_params.get("lab_runs", "")).split(",")
    if tuple(shown) == chosen.started():
        return
    if set(shown) <= set(named):
        chosen.follow(*shown)
    elif "lab_runs" not in st.query_params and chosen.remembered(shown):
        put_runs("lab_runs", shown)
