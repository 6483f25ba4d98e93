"""A BERT with its head for masked tokens: logits, predictions, and the way back."""

import pytest
import torch

from core.anatomy import Silent, parameters
from core.anatomy.loaded_checkpoint import LoadedCheckpoint
from core.anatomy.masked import masked, predictions
from core.jobs import inspections
from core.pretrained.adopt import adopt
from core.pretrained.export import export
from core.runs import RunError, RunStore
from core.runs.validate import files_of, problems_of
from tests.adopted import CONTEXT, LETTERS, VOCABULARY, llama, saved, shaken

transformers = pytest.importorskip("transformers")
TOKENS = torch.randint(VOCABULARY, (2, CONTEXT), generator=torch.Generator().manual_seed(3))


def source(folder):
    """A BERT that predicts, whose tokenizer knows [MASK] as the token of the letter z."""
    config = transformers.BertConfig(
        vocab_size=VOCABULARY + 1, hidden_size=24, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=40, max_position_embeddings=CONTEXT,
    )  # fmt: skip
    theirs = shaken(transformers.BertForMaskedLM(config))
    saved(theirs, folder)
    import tokenizers

    kept = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    kept.add_special_tokens(["[MASK]"])
    kept.save(str(folder / "tokenizer.json"))
    return theirs


@pytest.fixture
def both(store: RunStore, tmp_path):
    theirs = source(tmp_path / "bert")
    return theirs, adopt(store, str(tmp_path / "bert"))


def test_its_logits_are_theirs_on_the_way_in_and_out(both, tmp_path) -> None:
    theirs, run = both
    checkpoint = LoadedCheckpoint(run, 0)
    with torch.no_grad():
        wanted = theirs(TOKENS).logits
        states = checkpoint.transformer.trace(TOKENS)["final_norm.out"]
        assert wanted.std() > 0.1
        torch.testing.assert_close(predictions(checkpoint, states), wanted, atol=1e-5, rtol=1e-5)
    assert problems_of(run.path, run.id) == []
    assert "masked.safetensors" in files_of(run.path)
    export(run, tmp_path / "out")
    back, report = transformers.AutoModelForMaskedLM.from_pretrained(
        tmp_path / "out", output_loading_info=True
    )
    assert not any(report[what] for what in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    with torch.no_grad():
        torch.testing.assert_close(back.eval()(TOKENS).logits, wanted, atol=1e-5, rtol=1e-5)


def test_each_mask_is_predicted_from_both_sides(both) -> None:
    theirs, run = both
    asked = parameters.Masked(text="a [MASK]b[MASK]")
    found = masked(LoadedCheckpoint(run, 0), asked, Silent()).result
    ids = [LETTERS.index("a"), LETTERS.index(" "), VOCABULARY, LETTERS.index("b"), VOCABULARY]
    assert found["ids"] == ids
    assert [one["place"] for one in found["masked"]] == [2, 4]
    with torch.no_grad():
        shares = theirs(torch.tensor([ids])).logits[0].softmax(-1)
    for one in found["masked"]:
        wanted, tokens = shares[one["place"]].topk(10)
        assert [p for _, p in one["alternatives"]] == pytest.approx(wanted.tolist(), rel=1e-4)
        texts = [(LETTERS + "M")[i] if i < VOCABULARY else "[MASK]" for i in tokens.tolist()]
        assert [text for text, _ in one["alternatives"]] == texts


def test_what_can_not_be_asked_says_why(both, store: RunStore, tmp_path) -> None:
    _, run = both
    with pytest.raises(ValueError, match=r"no \[MASK\]; write \[MASK\] in place"):
        masked(LoadedCheckpoint(run, 0), parameters.Masked(text="abc"), Silent())
    assert inspections.prepare(run, "masked", None, {"text": "a[MASK]"}).kind == "masked"
    other = adopt(store, str(llama(tmp_path / "llama")))
    with pytest.raises(RunError, match="no head for masked tokens"):
        inspections.prepare(other, "masked", None, {"text": "a[MASK]"})
    (run.path / "masked.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(RunError, match="missing or damaged: its checksum differs"):
        masked(LoadedCheckpoint(run, 0), parameters.Masked(text="a[MASK]"), Silent())
