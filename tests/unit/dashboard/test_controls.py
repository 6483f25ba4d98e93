"""Every setting has its switch; presets, addresses and impossible combinations behave."""

import pytest
from streamlit.testing.v1 import AppTest

from core import presets
from core.config import RunConfig, accepted, applies, choices, settings
from core.config.families import OF_TOKENIZER, READ_BY
from dashboard.lab import actions, switches
from dashboard.lab.switch import COUNTED_FROM_1
from dashboard.launch import twins
from dashboard.settings import form
from dashboard.settings.address import from_address

DEFAULTS = RunConfig().flat()


def page():
    import streamlit as st

    from dashboard.address import page
    from dashboard.lab import switches
    from dashboard.settings.form import to_config

    config, problem = to_config(switches.switches())
    page.show()
    st.session_state["found"] = (config.model_dump_json() if config else None, problem)


def opened(**address):
    app = AppTest.from_function(page, default_timeout=30)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def found(app):
    text, problem = app.session_state["found"]
    return (RunConfig.model_validate_json(text) if text else None), problem


def widget(app, key):
    kinds = (
        app.button_group,
        app.select_slider,
        app.selectbox,
        app.toggle,
        app.number_input,
        app.text_input,
        app.text_area,
    )
    matching = [w for kind in kinds for w in kind if w.key == key]
    return matching[0] if matching else None


@pytest.fixture(scope="module")
def fresh():
    return opened()


def shown_with(dotted):
    """The page with what a setting belongs to: a corpus, a tokenizer, a family; None: the usual."""
    field = dotted.removeprefix("data.")
    if dotted == "data.path":
        return opened(data_corpus="file")
    if field in OF_TOKENIZER:
        return opened(data_tokenizer=OF_TOKENIZER[field])
    if applies(dotted, DEFAULTS) and field in READ_BY:
        return opened(data_corpus=READ_BY[field][-1])
    return opened(model_family="resnet") if applies(dotted, DEFAULTS) else None


@pytest.mark.parametrize("dotted", settings())
def test_every_setting_has_a_switch_with_its_words(fresh, dotted):
    fresh = shown_with(dotted) or fresh
    switch = widget(fresh, form.key(dotted))
    assert switch is not None
    assert switch.label == settings()[dotted].title
    assert COUNTED_FROM_1.get(dotted, str(settings()[dotted].description)) in switch.help
    assert form.from_widget(dotted, switch.value) == DEFAULTS[dotted]


@pytest.mark.parametrize("dotted", [d for d in settings() if choices(d)])
def test_choices_are_the_configs_own_words(fresh, dotted):
    fresh = shown_with(dotted) or fresh
    options = widget(fresh, form.key(dotted)).options
    words = [getattr(option, "content", option) for option in options]
    family = {**DEFAULTS, "model.family": "resnet"} if dotted == "model.stem" else DEFAULTS
    assert tuple(words) == accepted(dotted, choices(dotted), family)


def test_the_first_switches_come_first(fresh):
    keys = [w.key for kind in (fresh.button_group, fresh.select_slider) for w in kind]
    mine = [dotted for dotted in switches.FIRST if not applies(dotted, DEFAULTS)]
    assert set(map(form.key, mine)) <= set(keys)
    assert switches.FIRST[0] == "model.family"


def test_defaults_are_run_configs(fresh):
    config, problem = found(fresh)
    assert config == RunConfig()
    assert problem == ""


@pytest.mark.parametrize("name", presets.names())
def test_a_preset_turns_every_switch(name):
    app = opened()
    app.selectbox(key="preset").set_value(name).run()
    config, _ = found(app)
    assert config.flat() == presets.load(name).config.flat()
    assert not any(b.key == "preset_undo" for b in app.button)


def test_a_changed_preset_says_so_and_has_a_way_back():
    app = opened()
    app.selectbox(key="preset").set_value("post-ln-dies").run()
    app.select_slider(key="model_depth").set_value(4).run()
    assert found(app)[0].model.depth == 4
    undo = app.button(key="preset_undo")
    assert undo.label == "1 changed · undo"
    undo.click().run()
    assert found(app)[0].flat() == presets.load("post-ln-dies").config.flat()


def test_no_placement_means_no_norm_and_back():
    app = opened()
    app.button_group(key="model_placement").set_value("none").run()
    assert found(app)[0].model.norm == "none"
    app.button_group(key="model_norm").set_value("rms").run()
    assert found(app)[0].model.placement == "pre"
    app.button_group(key="model_norm").set_value("none").run()
    assert found(app)[0].model.placement == "none"
    app.button_group(key="model_placement").set_value("sandwich").run()
    assert found(app)[0].model.norm == "layer"


def test_a_scaling_brings_its_placement_and_leaves_with_it():
    app = opened()
    app.button_group(key="model_scaling").set_value("deepnorm").run()
    model = found(app)[0].model
    assert (model.placement, model.scaling, model.norm) == ("post", "deepnorm", "layer")
    app.button_group(key="model_placement").set_value("pre").run()
    assert found(app)[0].model.scaling == "one"
    app.button_group(key="model_scaling").set_value("rezero").run()
    model = found(app)[0].model
    assert (model.placement, model.norm) == ("none", "none")
    app.button_group(key="model_norm").set_value("dyt").run()
    model = found(app)[0].model
    assert (model.placement, model.norm, model.scaling) == ("pre", "dyt", "one")


def test_overrides_in_short_form_and_in_the_address():
    app = opened(model_overrides="2: placement=post; 4-5: residual=off")
    model = found(app)[0].model
    assert (model.at(1).placement, model.at(4).residual) == ("post", "off")
    app.text_input(key="model_overrides").set_value("2: scaling=lns").run()
    assert found(app)[0].model.at(1).scaling == "lns"
    app.text_input(key="model_overrides").set_value("9: residual=off").run()
    assert "model.overrides: layers 9 are beyond model.depth 6" in found(app)[1]
    app.text_input(key="model_overrides").set_value("nonsense").run()
    assert "model.overrides" in found(app)[1]


@pytest.mark.parametrize(
    ("address", "key", "reason"),
    [
        ({"model_norm": "none"}, "model_norm_epsilon", "there is no norm"),
        ({"model_norm": "none"}, "model_qk_norm", "there is no norm"),
        ({"model_norm": "dyt"}, "model_norm_epsilon", "DyT has no ε"),
        ({"model_sublayers": "feedforward"}, "model_causal", "the blocks have no attention"),
        ({"model_sublayers": "attention"}, "model_activation", "the blocks have no feed-forward"),
        ({}, "model_rotary_base", "only rotary positions have one"),
    ],
)
def test_what_nothing_reads_is_off_with_its_reason(address, key, reason):
    switch = widget(opened(**address), key)
    assert switch.disabled
    assert f"Off: {reason}" in switch.help


def test_words_that_do_not_fit_say_why():
    switch = widget(opened(model_width="60", model_heads="4"), "model_positions")
    assert "Not now: rotary (positions: rotary needs an even head size" in switch.help


def test_what_can_not_be_resolved_is_a_sentence():
    app = opened()
    app.number_input(key="model_heads").set_value(3).run()
    config, problem = found(app)
    assert config is None
    assert "model.heads: 3 does not divide model.width 64" in problem


@pytest.mark.parametrize(
    ("dotted", "value", "limit"),
    [("optimizer.learning_rate", 100.0, "equal to 10"), ("training.seed", -1, "equal to 0")],
)
def test_a_number_beyond_its_limits_is_refused_and_not_trained_as_another(dotted, value, limit):
    """A widget with limits of its own keeps the number back, and the settings stay as they were."""
    app = opened()
    field = app.number_input(key=form.key(dotted))
    assert field.proto.has_min is False
    assert field.proto.has_max is False
    field.set_value(value).run()
    config, problem = found(app)
    assert config is None
    assert dotted in problem
    assert limit in problem


def test_auto_or_a_number():
    app = opened()
    app.text_input(key="model_feedforward_width").set_value("96").run()
    assert found(app)[0].model.feedforward_width == 96
    app.text_input(key="model_feedforward_width").set_value("many").run()
    assert "model.feedforward_width" in found(app)[1]


def test_a_text_file_needs_its_path():
    app = opened(data_corpus="file")
    assert found(app)[0] is None
    app.text_input(key="data_path").set_value("/a/text.txt").run()
    assert found(app)[0].data.path == "/a/text.txt"
    app.selectbox(key="data_corpus").set_value("python-reference").run()
    assert found(app)[0].data.path is None


def test_an_address_turns_switches():
    app = opened(model_depth="13", model_placement="post", model_bias="false", training_seed="7")
    config, _ = found(app)
    assert (config.model.depth, config.model.placement) == (13, "post")
    assert (config.model.bias, config.training.seed) == (False, 7)
    assert app.session_state["preset"] in presets.names()


def test_an_address_can_name_a_preset():
    config, _ = found(opened(preset="post-ln-dies", model_depth="3"))
    expected = {**presets.load("post-ln-dies").config.flat(), "model.depth": 3}
    assert config.flat() == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("model_depth", "999"),
        ("model_depth", "deep"),
        ("model_placement", "sideways"),
        ("model_dropout", "1"),
        ("model_norm_epsilon", "0"),
        ("optimizer_learning_rate", "nan"),
        ("training_threads", "some"),
        ("probes_tokens", "0"),
        ("model_bias", "perhaps"),
    ],
)
def test_a_bad_address_gives_a_sentence_and_the_default(name, text):
    app = opened(**{name: text})
    config, problem = found(app)
    assert config.flat() == DEFAULTS
    assert problem == ""
    sentences = [h.body for h in app.get("html") if "problem" in h.body]
    assert len(sentences) == 1
    assert form.KEYS[name] in sentences[0]


def test_an_unknown_setting_is_pointed_out():
    _, problems = from_address({"model_dpeth": "3", "lab_runs": "x", "utm": "y"})
    assert problems == {
        "model_dpeth": [
            "The address names model_dpeth, which is not a setting; did you mean model_depth?"
        ]
    }


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("model.dpeth", "model_depth"),
        ("depth", "model_depth"),
        ("learning_rat", "optimizer_learning_rate"),
        ("Model_Depth", "model_depth"),
        ("prest", "preset"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_setting(name, meant):
    found, problems = from_address({name: "3"})
    assert found == {}
    said = f"The address names {name}, which is not a setting; did you mean {meant}?"
    assert problems == {name: [said]}


def test_a_dotted_name_in_the_address_is_the_setting_and_is_rewritten():
    given = {"model.depth": "2", "optimizer.warmup_steps": "50", "utm": "y"}
    values, problems = from_address(given)
    assert values == {"model.depth": 2, "optimizer.warmup_steps": 50}
    assert problems == {}
    both, _ = from_address({"model_depth": "4", "model.depth": "2"})
    assert both == {"model.depth": 4}, "the address's own spelling wins"
    app = opened(**given)
    config, problem = found(app)
    assert (config.model.depth, config.optimizer.warmup_steps, problem) == (2, 50, "")
    assert {k: v for k, v in app.query_params.items() if "." in k} == {}
    assert app.query_params["model_depth"] in ("2", ["2"])
    assert app.query_params["utm"] in ("y", ["y"])


def test_an_address_without_placement_has_no_norm():
    values, problems = from_address({"model_placement": "none"})
    assert values == {"model.placement": "none", "model.norm": "none"}
    assert problems == {}


def test_the_drawing_survives_impossible_settings():
    values = {**DEFAULTS, "model.heads": 3, "model.depth": 13}
    assert form.wiring(values).depth == 13


@pytest.mark.parametrize("name", presets.names())
def test_twins_differ_in_one_switch(name):
    config = presets.load(name).config
    base = config.flat()
    for dotted, options in twins.twins(config):
        assert options
        for value, twin in options:
            changed = {d for d, v in twin.flat().items() if v != base[d]}
            assert dotted in changed
            assert twin.flat()[dotted] == value
            assert twin.training.seed == config.training.seed
            allowed = {"model.placement", "model.norm", "model.scaling", "model.final_norm"}
            assert changed <= {dotted, *allowed}


def test_a_family_brings_its_own_settings_and_takes_the_others_away():
    app = opened()
    app.select_slider(key="model_depth").set_value(9).run()
    app.button_group(key="model_placement").set_value("post").run()
    app.button_group(key="model_family").set_value("resnet").run()
    config, problem = found(app)
    assert problem == ""
    assert (config.model.family, config.model.norm, config.data.corpus) == (
        "resnet",
        "batch",
        "digits",
    )
    assert widget(app, "model_heads") is None
    assert widget(app, "model_placement") is None
    assert widget(app, "probes_text") is None
    assert widget(app, "model_blocks_per_stage") is not None
    app.button_group(key="model_norm").set_value("none").run()
    assert found(app)[0].model.norm == "none"
    app.button_group(key="model_family").set_value("mlp").run()
    config, problem = found(app)
    assert problem == ""
    assert (config.model.family, config.model.placement, config.model.norm) == (
        "mlp",
        "none",
        "none",
    )
    assert config.data.corpus == "digits"
    app.button_group(key="model_family").set_value("transformer").run()
    config, problem = found(app)
    assert problem == ""
    assert config.data.corpus == "python-reference"
    assert widget(app, "model_heads") is not None


def test_an_address_can_name_a_family():
    config, problem = found(opened(model_family="resnet"))
    assert problem == ""
    assert (config.model.norm, config.data.corpus) == ("layer", "digits")
    config, problem = found(opened(model_family="resnet", model_norm="rms"))
    assert config is None
    assert "model.norm: rms is not for a ResNet" in problem


def test_buttons_can_be_pressed_where_it_makes_sense():
    config = RunConfig()

    def labels(status):
        class Fake:
            origin = None

        run = Fake() if status else None
        if run:
            run.status = status
        return [(b.label, not b.enabled) for b in actions.steering(run, config)]

    assert labels("") == [("Pause", True), ("Step", False), ("Stop", True)]
    assert labels("queued") == [("Pause", True), ("Step", True), ("Stop", False)]
    assert labels("running") == [("Pause", False), ("Step", False), ("Stop", False)]
    assert labels("paused") == [("Resume", False), ("Step", False), ("Stop", False)]
    assert labels("stopped") == [("Resume", False), ("Step a new run", False), ("Stop", True)]
    assert labels("finished") == [("Pause", True), ("Step a new run", False), ("Stop", True)]
