"""A checkpoint's statistics by depth are those that its training recorded at that step."""

import numpy as np
import pytest

from core.anatomy import Silent
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.profile import profile
from core.pretrained.adopt import adopt
from core.runs import RunStore
from tests.adopted import LAYERS, llama
from tests.subjects import asking, trained


def test_it_measures_what_the_probe_recorded(store: RunStore) -> None:
    settings = {"training__checkpoint_every": 2, "probes__every": 2}
    run = trained(store, steps=4, **settings)
    found = profile(LoadedCheckpoint(run, 2), asking("profile", {}), Silent()).result
    assert found["step"] == 2
    for name in ("activation/rms/resid_post", "attention/entropy", "activation/rms/embed"):
        steps, values = run.series(name)
        recorded = values[list(steps).index(2)]
        assert found["metrics"][name] == pytest.approx(recorded, rel=1e-4), name
        assert np.ndim(found["metrics"][name]) == np.ndim(recorded)


def test_a_pretrained_model_has_one_too(store: RunStore, tmp_path) -> None:
    pytest.importorskip("transformers")
    run = adopt(store, str(llama(tmp_path / "it")))
    found = profile(LoadedCheckpoint(run, 0), asking("profile", {}), Silent()).result
    assert len(found["metrics"]["activation/rms/resid_post"]) == LAYERS == found["layers"]
    assert len(found["metrics"]["attention/entropy"]) == LAYERS
