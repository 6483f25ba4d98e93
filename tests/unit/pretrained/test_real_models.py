"""SmolLM2-135M and MiniLM, from their packages, through the product's own instruments."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.anatomy import Silent, parameters
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.profile import profile
from core.anatomy.score import score
from core.anatomy.streams import streams
from core.anatomy.text_attention import attention
from core.config import DataConfig
from core.heads.scores import scores, without_sink
from core.pretrained.adopt import adopt
from core.runs import RunStore
from tests.pretrained_packages import MINILM, SMOLLM2, model_of

transformers = pytest.importorskip("transformers")
TOKENS = 160
UNRELATED = "The stock market fell today."


@pytest.fixture(scope="module")
def article() -> str:
    """A text of WikiText-2 that SmolLM2's loss is known on, its spaced punctuation closed up."""
    path = Path(os.environ.get("ADDNORM_DATA", "")) / "wikitext-2" / "test.txt"
    if not path.is_file():
        pytest.skip("ADDNORM_DATA names no folder with wikitext-2/test.txt")
    text = re.sub(r" ([.,;:!?)\]])", r"\1", path.read_text("utf-8")[:20_000])
    return re.sub(r" @([-.,])@ ", r"\1", text)[40:]


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory, article):
    """SmolLM2-135M as a run of 160 tokens, its held-out text the end of the article."""
    pytest.importorskip("gguf")
    folder = tmp_path_factory.mktemp("smollm2")
    (folder / "text.txt").write_text(article, "utf-8")
    data = DataConfig(path=str(folder / "text.txt"))
    run = adopt(RunStore(folder / "runs"), str(model_of(SMOLLM2)), context=TOKENS, data=data)
    return LoadedCheckpoint(run, 0)


@pytest.fixture(scope="module")
def text(smollm2, article) -> str:
    """Its first 160 tokens."""
    ids = smollm2.encode(article[:6000])[:TOKENS]
    return smollm2.tokenizer.decode(ids)


def test_smollm2_says_what_transformers_says_on_the_same_file(smollm2, text):
    from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

    path = str(model_of(SMOLLM2))
    settings = load_gguf_checkpoint(path, return_tensors=False)["config"]
    config = transformers.LlamaConfig(**{k: v for k, v in settings.items() if k != "model_type"})
    theirs = transformers.LlamaForCausalLM(config).eval()
    tensors = load_gguf_checkpoint(path, return_tensors=True, model_to_load=theirs)["tensors"]
    missing, unexpected = theirs.load_state_dict(tensors, strict=False)
    assert (missing, unexpected) == (["lm_head.weight"], [])
    theirs.tie_weights()
    ids = torch.tensor([smollm2.encode(text)])
    assert ids.shape == (1, TOKENS)
    with torch.no_grad():
        mine, other = smollm2.model(ids), theirs(ids).logits
    torch.testing.assert_close(mine, other, atol=1e-3, rtol=0)
    loss = F.cross_entropy(mine[0, :-1], ids[0, 1:]).item()
    assert loss == pytest.approx(3.36, abs=0.05)


def test_smollm2_splits_a_text_as_transformers_does(smollm2, article):
    path = model_of(SMOLLM2)
    theirs = transformers.AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    for some in (article[:6000], "3 + 4 = 7, naïve 你好 <|im_end|>\n\t x"):
        assert smollm2.encode(some) == theirs(some, add_special_tokens=False).input_ids
        assert smollm2.tokenizer.decode(smollm2.encode(some)) == some


def test_the_instruments_find_its_sinks_and_its_massive_activation(smollm2, text):
    found = streams(smollm2, parameters.Streams(windows=4), Silent())
    largest = found.result["massive"]["found"][0]
    assert (largest["token"], largest["feature"]) == (0, 507)
    assert abs(largest["value"]) == pytest.approx(25_364, rel=0.05)
    shown = attention(smollm2, parameters.Attention(text=text), Silent())
    pattern = shown.arrays["pattern"].astype(np.float32)  # (L, H, T, T)
    later = pattern[:, :, TOKENS // 2 :, 0].mean((1, 2))  # (L,)
    # As a reader of the file in numpy alone had measured, of every third layer.
    assert later[:12].max() < 0.18
    assert later[14:27:3] == pytest.approx([0.54, 0.56, 0.60, 0.72, 0.74], abs=0.02)
    assert "".join(shown.result["tokens"]) == text


def test_its_score_is_per_token_and_its_bits_per_character(smollm2, text):
    found = score(smollm2, parameters.Score(text=text), Silent()).result
    assert found["predictions"] == TOKENS - 1
    assert found["nats"] == pytest.approx(3.36, abs=0.05)
    per_character = (TOKENS - 1) / (len(text) - len(found["tokens"][0]["text"]))
    expected = found["nats"] / np.log(2) * per_character
    assert found["bits_per_character"] == pytest.approx(expected, rel=1e-6)


def test_minilm_knows_which_sentences_are_alike(tmp_path):
    run = adopt(RunStore(tmp_path), str(model_of(MINILM)))
    checkpoint = LoadedCheckpoint(run, 0)
    assert run.corpus["probe_pieces"][0] == "[CLS]"  # which is no part of the text
    assert not run.corpus["probe_text"].startswith("[CLS]")
    theirs = transformers.BertModel.from_pretrained(model_of(MINILM)).eval()
    said = {}
    for sentence in ("A man is eating food.", "A man is eating a piece of bread.", UNRELATED):
        ids = torch.tensor([checkpoint.encode(sentence)])
        with torch.no_grad():
            states = checkpoint.model.trace(ids)["final_norm.out"]
            other = theirs(ids).last_hidden_state
        torch.testing.assert_close(states, other, atol=1e-4, rtol=0)
        said[sentence] = states[0].mean(0)
    food, bread, unrelated = said.values()
    assert F.cosine_similarity(food, bread, 0).item() == pytest.approx(0.755, abs=0.005)
    assert F.cosine_similarity(food, unrelated, 0).item() == pytest.approx(0, abs=0.05)


def test_its_heads_are_told_apart_beside_their_sinks(smollm2, text):
    ids = smollm2.encode(text)
    pattern = attention(smollm2, parameters.Attention(text=text), Silent()).arrays["pattern"]
    whole, rest = scores(pattern, ids), without_sink(pattern, ids)
    resting = whole["first"] >= 0.3
    assert resting.sum() > resting.size / 2  # most would be called by their sink
    assert (rest["rest"] < 0.1).sum() < 10  # and nearly all have enough left to be called by
    clear = resting & (rest["previous"] >= 0.3)
    assert clear.any()
    assert (whole["previous"][clear] < whole["first"][clear]).any()


def test_its_layers_lie_beside_those_of_a_run(smollm2):
    found = profile(smollm2, parameters.Profile(), Silent()).result["metrics"]
    rms = found["activation/rms/resid_post"]
    assert len(rms) == len(found["attention/entropy"]) == 30
    assert max(rms) > 10 * rms[5]  # the massive activation enters the stream on its way
