"""What becomes of a pretrained model here, and what is refused with the reason."""

import json
import re

import numpy as np
import pytest
import torch

from core.__main__ import main
from core.anatomy import KINDS, Silent, load
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.data.subwords import Subwords, TokenizerError
from core.jobs import inspections
from core.pretrained import tensors
from core.pretrained.adopt import adopt
from core.pretrained.gguf_file import half_split
from core.pretrained.tensors import PretrainedError, TensorFile
from core.runs import RunError, RunStore
from core.runs.validate import files_of, problems_of
from core.verdicts.verdict import judge
from tests.adopted import CONTEXT, LAYERS, LETTERS, VOCABULARY, changed, llama, saved, shaken

transformers = pytest.importorskip("transformers")


@pytest.fixture
def source(tmp_path):
    return llama(tmp_path / "a model")


@pytest.fixture
def store(tmp_path):
    return RunStore(tmp_path / "runs")


def test_a_model_is_a_run_that_has_ended_with_one_checkpoint(source, store):
    run = adopt(store, str(source), name="mine", context=8)
    assert (run.name, run.status, run.checkpoints, run.resumable) == ("mine", "finished", [0], [])
    assert run.config.model.context == 8
    assert run.source["config"]["num_key_value_heads"] == 2
    assert run.corpus["vocabulary"] == VOCABULARY
    assert run.corpus["unit"] == "token"
    assert len(run.corpus["probe_tokens"]) == len(run.corpus["probe_pieces"]) == 8
    assert "".join(run.corpus["probe_pieces"]) == run.corpus["probe_text"]
    assert not run.damaged
    assert problems_of(run.path, run.id) == []
    assert {"source.json", "subwords.json"} <= set(files_of(run.path))


def test_its_weights_are_read_from_the_file_and_checked(source, store):
    run = adopt(store, str(source))
    weights = run.path / "checkpoints" / "step-000000000.safetensors"
    model = LoadedCheckpoint(run, 0).model
    theirs = TensorFile(source / "model.safetensors")
    np.testing.assert_array_equal(model.token.weight.numpy(force=True),
                                  theirs.read("model.embed_tokens.weight"))  # fmt: skip
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(RunError, match="checksum"):
        LoadedCheckpoint(run, 0)


def test_no_weight_is_drawn_that_the_file_has(source, store, monkeypatch):
    run = adopt(store, str(source))
    drawn = []
    monkeypatch.setattr("core.models.initialise._seed", drawn.append)
    model = LoadedCheckpoint(run, 0).model
    assert drawn == []
    assert all(parameter.isfinite().all() for parameter in model.parameters())


QUESTIONS = {
    "attention": {"text": "hello there"},
    "lens": {"text": "hello there", "windows": 2},
    "generate": {"prompt": "hello", "length": 5},
    "score": {"text": "hello there, you. hello there."},
    "streams": {"windows": 2},
    "block": {"text": "hello", "layer": 1},
    "operate": {
        "operations": [{"target": "head", "layer": 0, "head": 1, "action": "off"}],
        "windows": 2,
        "length": 3,
        "prompt": "he",
    },
    "heads": {},
}


@pytest.mark.parametrize("kind", QUESTIONS)
def test_instruments_read_it_as_a_run_of_ones_own(kind, source, store):
    run = adopt(store, str(source))
    asked = KINDS[kind].parameters.checked(kind, QUESTIONS[kind])
    found = load(KINDS[kind].function)(LoadedCheckpoint(run, 0), asked, Silent())
    json.dumps(found.result)
    if kind == "lens":
        text = found.result["alphabet"]
        assert isinstance(text, list)
        last = found.arrays["top_ids"][-1, :, 0]  # the network's own likeliest tokens
        with torch.no_grad():
            ids = torch.tensor([[LETTERS.index(c) for c in "hello there"]])
            own = LoadedCheckpoint(run, 0).model(ids)[0].argmax(-1)
        assert [text[i] for i in last] == [LETTERS[i] for i in own]
    if kind == "generate":
        assert found.result["text"] == "".join(one["text"] for one in found.result["tokens"])


REFUSED = {
    "a gate that is not SiLU": ({"hidden_act": "gelu"}, "hidden_act .* is gelu"),
    "scaled rotary positions": (
        {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1.0, "factor": 8.0}},
        "rope_type .* is llama3",
    ),
    "rotary positions that differ": (
        {
            "model_type": "olmo3",
            "rope_parameters": {
                "full_attention": {"rope_type": "default", "rope_theta": 5.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 1.0},
            },
        },
        "rope_parameters .* differ from layer to layer",
    ),
    "another head size": ({"head_dim": 8}, "head_dim .* is 8"),
    "experts": ({"model_type": "mixtral"}, "num_local_experts"),
    "soft caps": ({"model_type": "gemma2"}, "attn_logit_softcapping"),
    "an unknown family": ({"model_type": "weird"}, "'weird' has no twin"),
    "code of its own": ({"auto_map": {"AutoModel": "x.Y"}}, "auto_map"),
    "packed weights": ({"quantization_config": {"bits": 4}}, "quantization_config"),
    "another depth than its tensors": ({"num_hidden_layers": 4}, r"layers\.3\..* is missing"),
    "fewer layers than its tensors": ({"num_hidden_layers": 2}, r"no network .*layers\.2\."),
    "another width": ({"intermediate_size": 41}, "has the shape"),
    "a vocabulary below its tokenizer's": ({"vocab_size": 20}, "31 tokens"),
    "no width": ({"hidden_size": None}, "lacks hidden_size"),
    "heads that do not divide": ({"num_key_value_heads": 3}, "can't share 3 heads"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_has_no_twin_is_refused_with_what_stands_in_the_way(what, source, store):
    settings, says = REFUSED[what]
    with pytest.raises(PretrainedError, match=says):
        adopt(store, str(changed(source, **settings)))
    assert store.list() == []
    assert not list(store.root.glob(".new-*"))


def test_a_tensor_that_no_network_here_has_is_named(store, tmp_path):
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=1, num_attention_heads=4,
        intermediate_size=40, max_position_embeddings=CONTEXT,
    )  # fmt: skip
    model = shaken(transformers.BertForQuestionAnswering(config))
    with pytest.raises(PretrainedError, match=r"no network here has the tensor qa_outputs\."):
        adopt(store, str(saved(model, tmp_path / "answers")))


def test_a_folder_without_a_tokenizer_says_how_it_gets_one(source, store):
    (source / "tokenizer.json").unlink()
    with pytest.raises(PretrainedError, match=r"no tokenizer\.json.*AutoTokenizer"):
        adopt(store, str(source))
    assert store.list() == []


def test_no_pickle_is_read(source, store):
    (source / "model.safetensors").rename(source / "pytorch_model.bin")
    with pytest.raises(PretrainedError, match="pickle"):
        adopt(store, str(source))


@pytest.mark.parametrize("damage", ["cut off", "another header", "no JSON", "a tensor beyond it"])
def test_a_damaged_file_is_refused_with_one_sentence(damage, source, store):
    path = source / "model.safetensors"
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    if damage == "a tensor beyond it":
        header["model.norm.weight"]["data_offsets"][1] += 10**9
    text = {"another header": b"[]", "no JSON": b"{"}.get(damage, json.dumps(header).encode())
    whole = len(text).to_bytes(8, "little") + text + content[8 + length :]
    path.write_bytes(content[:-100] if damage == "cut off" else whole)
    with pytest.raises(PretrainedError) as refused:
        adopt(store, str(source))
    assert "\n" not in str(refused.value)
    assert store.list() == []


def test_shards_of_half_precision_are_the_same_numbers(source, store, tmp_path):
    model = transformers.LlamaForCausalLM.from_pretrained(source).to(torch.bfloat16)
    folder = saved(model, tmp_path / "half")
    model.save_pretrained(folder, max_shard_size="8KB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    assert len(list(folder.glob("*.safetensors"))) > 1
    ours = LoadedCheckpoint(adopt(store, str(folder)), 0).model
    wanted = model.model.embed_tokens.weight.float()
    torch.testing.assert_close(ours.token.weight.detach(), wanted.detach(), atol=0, rtol=0)


def test_heads_of_llama_cpp_turn_neighbours(tmp_path):
    """Rows of W_Q as its converter writes them are put back (convert_hf_to_gguf.py, permute)."""
    heads, size = 3, 8
    rows = np.arange(heads * size * 2, dtype=np.float32).reshape(heads * size, 2)
    theirs = rows.reshape(heads, 2, size // 2, 2).swapaxes(1, 2).reshape(rows.shape)
    assert not np.array_equal(theirs, rows)
    np.testing.assert_array_equal(half_split(theirs, heads), rows)


def test_a_file_that_is_no_gguf_is_refused(store, tmp_path):
    pytest.importorskip("gguf")
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUX" + bytes(100))
    with pytest.raises(PretrainedError, match=r"model\.gguf can't be read"):
        adopt(store, str(path))


def test_tensors_are_written_as_the_library_reads_them(tmp_path):
    from safetensors.torch import load_file

    random = np.random.default_rng(0)
    made = {"a": random.normal(size=(3, 5)).astype("f4"), "b": random.normal(size=4).astype("f4")}
    shapes = {name: one.shape for name, one in made.items()}
    path = tmp_path / "x.safetensors"
    said = tensors.write(path, shapes, made.items())
    assert re.fullmatch(r"[0-9a-f]{64}", said)
    for name, tensor in load_file(path).items():
        np.testing.assert_array_equal(tensor.numpy(), made[name])
        np.testing.assert_array_equal(TensorFile(path).read(name), made[name])


def test_a_tokenizer_that_can_not_be_read_says_so():
    with pytest.raises(TokenizerError, match=r"tokenizer\.json can't be read"):
        Subwords(b"{}")


def test_the_command_line_adopts_and_exports(source, store, tmp_path, capsys):
    at = ["--runs-dir", str(store.root)]
    assert main(["adopt", str(source), "--json", *at]) == 0
    id = json.loads(capsys.readouterr().out)["id"]
    out = tmp_path / "out"
    assert main(["runs", "export", id, "--format", "transformers", "--to", str(out), *at]) == 0
    assert capsys.readouterr().out.startswith("LlamaForCausalLM")
    assert (out / "model.safetensors").is_file()
    assert main(["runs", "export", id, "--format", "transformers", "--to", str(out), *at]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["adopt", str(tmp_path / "nowhere"), *at]) == 2
    assert "no folder with a model" in capsys.readouterr().err
    assert main(["generate", id, "--prompt", "he", "--tokens", "3", *at]) == 0
    assert len(capsys.readouterr().out) == len("he") + 3 + 1
    assert store.list()[0].config.model.depth == LAYERS


def test_an_encoder_is_asked_only_for_what_it_has(store, tmp_path, capsys):
    config = transformers.BertConfig(
        vocab_size=VOCABULARY, hidden_size=24, num_hidden_layers=1, num_attention_heads=4,
        intermediate_size=40, max_position_embeddings=CONTEXT,
    )  # fmt: skip
    run = adopt(store, str(saved(shaken(transformers.BertModel(config)), tmp_path / "encoder")))
    assert inspections.prepare(run, "attention").kind == "attention"
    with pytest.raises(RunError, match=r"without an output layer; accepted of it: attention, "):
        inspections.prepare(run, "lens")
    assert main(["generate", run.id, "--runs-dir", str(store.root)]) == 2
    assert "writes no text" in capsys.readouterr().err


def test_a_training_that_was_elsewhere_is_not_judged(source, store):
    verdict = judge(adopt(store, str(source)))
    assert (verdict.kind, verdict.last_mean) == ("unjudged", None)
    assert "was not trained here" in verdict.sentence
