"""The Anatomy page's figures as data: what stands in them is what was measured."""

import math

import numpy as np
import pytest

from core.palette import COLOURS, RUNS
from dashboard.figures import landscape, layout, lesions, streams, text
from dashboard.figures.names import NAME

MODES = ("light", "dark")


def stream(layers: int = 2, **changes):
    """What core.anatomy.streams answers, in its keys and shapes."""
    places = ["embed"]
    for i in range(layers):
        places += [f"blocks.{i}.resid_mid", f"blocks.{i}.resid_post"]
    places.append("final_norm.out")
    parts = [(i, part) for i in range(layers) for part in ("attn", "mlp")]
    values = [1.0 + i for i in range(len(places))]
    return {
        "places": places,
        "rms": values,
        "similarity": values,
        "angle": [0.1 * (i + 1) for i in range(layers)],
        "sublayers": [{"name": f"blocks.{i}.{p}", "layer": i, "part": p} for i, p in parts],
        "skip_rms": [1.0 + i for i in range(len(parts))],
        "branch_rms": [0.5] * len(parts),
        **changes,
    }


def names(figure):
    """The names at the ends of lines, from top to bottom."""
    found = [a for a in figure.layout.annotations if a.xref == "paper" and a.x == 1]
    return [a.text for a in sorted(found, key=lambda a: -a.y)]


@pytest.mark.parametrize("mode", MODES)
def test_lines_carry_their_values_their_colour_and_their_name(mode):
    figure = streams.by_depth([("one", 0, stream())], "rms", mode, "RMS", 240)
    line, ring = figure.data
    assert list(line.x) == [0, 0.5, 1, 1.5, 2]
    assert list(line.y) == [1, 2, 3, 4, 5]
    assert line.line.color == RUNS[mode][0]
    assert (list(ring.x), list(ring.y)) == ([2.5], [6])  # after the final norm, off the line
    assert names(figure) == ["one"]
    assert figure.layout.xaxis.title.text == "layer"
    assert figure.layout.yaxis.title.text == "RMS"
    assert figure.layout.font.color == COLOURS[mode]["ink"]


def test_names_at_the_ends_do_not_overlap():
    curves = [layout.Curve(f"run {i}", i, [0, 1], [0, 1 + i * 1e-4]) for i in range(5)]
    figure = layout.lines(curves, "light", layout.depth_axis("light", 1), "nats", 240)
    places = sorted(a.y for a in figure.layout.annotations)
    inner = 240 - layout.MARGIN["t"] - layout.MARGIN["b"]
    assert min(np.diff(places)) * inner >= 13.9
    assert names(figure) == ["run 4", "run 3", "run 2", "run 1", "run 0"]


def test_long_and_strange_names_are_shortened_and_plain():
    curve = layout.Curve("<b>" + "x" * 60, 0, [0, 1], [1, 2])
    figure = layout.lines([curve], "light", layout.depth_axis("light", 1), "nats", 240)
    (name,) = names(figure)
    assert name.startswith("&lt;b&gt;")
    assert name.endswith("…")
    assert figure.layout.margin.r >= NAME * layout.LETTER


def test_what_is_not_finite_is_a_gap_and_does_not_set_the_range():
    broken = stream(rms=[1.0, None, 2.0, float("nan"), 3.0, None])
    figure = streams.by_depth([("one", 0, broken)], "rms", "light", "RMS", 240)
    assert [math.isnan(v) for v in figure.data[0].y] == [False, True, False, True, False]
    low, high = figure.layout.yaxis.range
    assert low == 0
    assert 3 < high < 4


def test_a_run_without_a_final_norm_has_no_ring():
    result = stream()
    bare = stream(places=result["places"][:-1], rms=result["rms"][:-1])
    assert len(streams.by_depth([("one", 0, bare)], "rms", "light", "RMS", 240).data) == 1


def test_decades_have_plain_marks_where_the_axis_is_logarithmic():
    wide = stream(rms=[1.0, 10, 100, 1e3, 1e4, 1.0])
    figure = streams.by_depth([("one", 0, wide)], "rms", "light", "RMS", 240, log=True)
    assert figure.layout.yaxis.type == "log"
    marks = [float(word) for word in figure.layout.yaxis.ticktext]
    assert marks == list(figure.layout.yaxis.tickvals)
    assert {1.0, 10.0, 100.0, 1000.0} <= set(marks)
    zero = stream(rms=[0.0, 1, 2, 3, 4, 1])
    linear = streams.by_depth([("one", 0, zero)], "rms", "light", "RMS", 240, log=True)
    assert linear.layout.yaxis.type == "linear"


def test_skip_is_solid_and_branch_dotted_for_both_runs():
    runs = [("one", 0, stream()), ("two", 1, stream(3))]
    figure = streams.skip_and_branch(runs, "dark", 240)
    assert [line.line.dash for line in figure.data] == ["solid", "dot"] * 2
    assert [line.line.color for line in figure.data] == [RUNS["dark"][i] for i in (0, 0, 1, 1)]
    assert list(figure.data[0].x) == [0.5, 1, 1.5, 2]


def test_a_real_model_lies_beside_a_run_by_its_share_of_depth():
    runs = [("toy", 0, stream(2)), ("real", 1, stream(4))]
    figure = streams.by_depth(runs, "rms", "light", "RMS", 240, share=True)
    toy, real, *rings = figure.data
    assert list(toy.x) == [0, 0.25, 0.5, 0.75, 1]
    assert (real.x[0], real.x[4], real.x[-1]) == (0, 0.5, 1)
    assert all(1 < ring.x[0] < 1.05 for ring in rings)
    assert figure.layout.xaxis.title.text == "share of depth"
    both = streams.skip_and_branch(runs, "light", 240, share=True)
    assert list(both.data[0].x) == [0.25, 0.5, 0.75, 1]
    angles = streams.by_layer(runs, "angle", "light", "angle", 240, share=True)
    assert [list(line.x) for line in angles.data] == [[0.5, 1], [0.25, 0.5, 0.75, 1]]


def test_the_largest_activation_stands_over_its_median():
    result = stream(largest=[1.0, 2, 3000, 40, 5, 6], median=[0.5] * 6)
    solid, dotted = streams.outliers([("one", 0, result)], "light", 240).data
    assert list(solid.y) == [1, 2, 3000, 40, 5]
    assert list(dotted.y) == [0.5] * 5
    assert (solid.line.dash, dotted.line.dash) == ("solid", "dot")


def test_layers_are_counted_from_one():
    figure = streams.by_layer([("one", 0, stream(3))], "angle", "light", "angle", 240)
    assert list(figure.data[0].x) == [1, 2, 3]
    assert streams.place_name("blocks.0.resid_post") == "1"
    assert streams.place_words("blocks.0.resid_mid") == "after attention of layer 1"
    assert streams.place_words("final_norm.out") == "after the final norm"
    assert text.depth_of("blocks.0.resid_mid") == 0.5
    assert lesions.source_name("blocks.0.mlp") == "feed-forward 1"


def test_cka_is_drawn_cell_by_cell_between_0_and_1():
    matrix = [[1.0, 0.25], [None, 0.5]]
    rows, columns = ["embed", "blocks.0.resid_post"], ["embed", "final_norm.out"]
    figure = streams.similarity_map(matrix, rows, columns, "light", 300, ("one", "two"))
    heat = figure.data[0]
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert heat.z[0][1] == 0.25
    assert math.isnan(heat.z[1][0])
    assert figure.layout.yaxis.title.text == "layer of one"
    assert list(figure.layout.yaxis.ticktext) == ["emb", "1"]


def test_loss_by_row_shows_the_unigram_level_inside_the_picture():
    rows = ["embed", "blocks.0.resid_mid", "blocks.0.resid_post"]
    figure = text.by_row([("one", 0, rows, [3.0, 2.5, 2.0])], "light", 240, unigram=3.3)
    assert list(figure.data[0].x) == [0, 0.5, 1]
    assert figure.layout.yaxis.range[1] > 3.3
    assert any("3.300" in a.text for a in figure.layout.annotations)


def test_what_context_brings_is_said_from_the_numbers():
    position = np.arange(1, 17)
    learned = [("one", 0, position, np.where(position <= 2, 3.0, 2.0))]
    assert text.what_context_brings(learned) == "Context brings 1.00 nats"
    flat = [("one", 0, position, np.full(16, 3.0))]
    assert text.what_context_brings(flat) == "Context brings nothing"
    both = text.what_context_brings([*learned, *flat])
    assert both == "Context brings A 1.00, B nothing nats"


LESION = {
    "block": np.array([1.0, 4.0]),
    "swap": np.array([0.25]),
    "attention": np.array([0.04, -0.01]),
    "feedforward": np.array([0.09, np.nan]),
    "head": np.array([[0.01, 0.0], [0.02, np.nan]]),
}


def test_lesions_stand_in_their_cells_with_their_numbers():
    figure = lesions.lesion_map(LESION, "light", 4.0)
    heat = figure.data[0]
    columns = list(figure.layout.xaxis.ticktext)
    assert columns == ["block", "swap up", "attention", "feed-forward", "head 1", "2"]
    assert heat.z[1][0] == 1  # the largest has the full colour
    assert heat.z[0][0] == pytest.approx(0.5)  # the square root of a quarter
    assert heat.z[1][2] == pytest.approx(-math.sqrt(0.01 / 4))
    assert heat.customdata[0][3][0] == pytest.approx(0.09)
    assert math.isnan(heat.z[1][1])  # the last layer has no neighbour above
    assert heat.text[0][0] == "1.00"
    assert heat.text[1][5] == ""


def test_a_network_without_attention_has_no_columns_for_it():
    bare = {**LESION, "attention": np.full(2, np.nan), "head": np.full((2, 2), np.nan)}
    figure = lesions.lesion_map(bare, "light", 4.0)
    assert list(figure.layout.xaxis.ticktext) == ["block", "swap up", "feed-forward"]


PATHS = {
    "lengths": [0, 1, 2],
    "paths": [1.0, 2.0, 1.0],
    "share": [0.5, 0.3, 0.2],
    "depth": [0, 1, 2, None],
    "logit_share": [0.1, 0.2, 0.6, 0.1],
}


def test_paths_are_shares_beside_the_shares_of_all_paths():
    figure = lesions.gradient_paths([("one", 0, PATHS)], "light", 240)
    assert list(figure.data[0].y) == [0.5, 0.3, 0.2]
    assert list(figure.data[1].y) == [0.25, 0.5, 0.25]
    logits = lesions.logit_paths([("one", 0, PATHS)], "light", 240)
    assert list(logits.data[0].y) == [0.1, 0.2, 0.6]  # the biases have no path


def test_a_landscape_is_drawn_on_the_scale_of_all_runs():
    loss = [[2.0, 2.5], [None, 3.0]]
    figure = landscape.contour(loss, [-1, 1], [-1, 1], "light", 300, (2.0, 4.0))
    trace = figure.data[0]
    assert (trace.zmin, trace.zmax) == (2, 4)
    assert trace.z[0][1] == 2.5  # loss[j][i] at a[i], b[j]
    assert math.isnan(trace.z[1][0])


def test_high_walls_are_drawn_as_logarithms_with_marks_in_nats():
    drawn, marks = landscape.heights([[1.0, 100.0]], (1.0, 100.0))
    assert drawn[0].tolist() == [0, 2]
    assert [10**at for at in marks["at"]] == pytest.approx([float(w) for w in marks["words"]])
    flat, marks = landscape.heights([[2.0, 2.5]], (2.0, 2.5))
    assert flat[0].tolist() == [2.0, 2.5]
    assert marks["range"] == [2.0, 2.5]
    still, marks = landscape.heights([[3.0]], (3.0, 3.0))
    assert marks["range"][1] > marks["range"][0]
    assert still.tolist() == [[3.0]]


def test_a_surface_and_its_contour_have_the_same_heights_and_marks():
    loss = np.array([[1.0, 50.0], [3.0, 9.0]])
    flat = landscape.contour(loss, [0, 1], [0, 1], "dark", 300, (1.0, 50.0)).data[0]
    high = landscape.surface(loss, [0, 1], [0, 1], "dark", 300, (1.0, 50.0)).data[0]
    assert np.allclose(flat.z, high.z)
    assert list(flat.colorbar.ticktext) == list(high.colorbar.ticktext)
    assert np.allclose(high.customdata, loss)


def test_curves_mark_each_checkpoint():
    runs = [{"loss": [3.0, 2.0, 3.5], "centre": 2.0}, {"loss": [4.0, 3.0, None], "centre": 3.0}]
    figure = landscape.curves(runs, [-1, 0, 1], "light", 300, ["one", "two"], [0, 1], (2.0, 4.0))
    rings = [t for t in figure.data if t.mode == "markers"]
    assert [(t.x[0], t.y[0]) for t in rings] == [(0, 2.0), (0, 3.0)]
    assert math.isnan(figure.data[1].y[2])


def test_the_path_of_training_carries_steps_and_its_own_losses():
    loss = [[2.0, 3.0], [2.5, 4.0]]
    path, steps, losses = [[-1, 0.5], [0.5, 0.2], [0, 0]], [100, 200, 300], [4.0, None, 2.0]
    flat = landscape.contour(loss, [-1, 1], [-1, 1], "light", 300, (2.0, 4.0))
    landscape.add_path(flat, path, steps, losses, 0, "light")
    said = flat.data[-1].customdata
    assert list(said) == ["step 100: 4 nats", "step 200: not finite", "step 300: 2 nats"]
    high = landscape.surface(loss, [-1, 1], [-1, 1], "light", 300, (2.0, 4.0))
    landscape.add_path(high, path, steps, losses, 0, "light", (2.0, 4.0))
    assert high.data[-1].z[0] == 4.0
    assert math.isnan(high.data[-1].z[1])


@pytest.mark.parametrize("mode", MODES)
def test_every_figure_is_json_without_nan(mode):
    runs = [("one", 0, stream()), ("two", 3, stream(3, rms=[float("nan")] * 8))]
    drawn = [
        streams.by_depth(runs, "rms", mode, "RMS", 240),
        streams.sink_map(np.full((2, 3), 0.1), mode, 200, 0.07),
        lesions.lesion_map(LESION, mode, 4.0),
        landscape.surface([[1.0, None], [2.0, 3.0]], [0, 1], [0, 1], mode, 300, (1.0, 3.0)),
    ]
    for figure in drawn:
        assert "NaN" not in figure.to_json()
