"""Replies of the routes as JSON."""

import json
import math

import numpy as np

from dashboard.api.answers import as_json


def test_what_is_not_finite_becomes_null_and_arrays_are_lists():
    reply = json.loads(as_json({"a": [1.5, math.nan, math.inf], "b": np.arange(3)}).body)
    assert reply == {"a": [1.5, None, None], "b": [0, 1, 2]}


def test_half_a_surrogate_pair_in_a_name_is_answered():
    reply = json.loads(as_json({"name": "post\ud800LN"}).body)
    assert reply == {"name": "post\ud800LN"}


def test_no_white_space_is_sent():
    assert as_json({"steps": [1, 2], "c": "0:1"}).body == b'{"steps":[1,2],"c":"0:1"}'
