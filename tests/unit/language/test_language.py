"""Messages say in any language what they say in English; catalogues hold what the source shows."""

import copy
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from core.language import (
    DRAFTS,
    LANGUAGES,
    REASONS,
    SOURCE,
    Message,
    best,
    catalogue,
    catalogues,
    choice,
    current,
    joined,
    of_terminal,
    reason,
    said,
    speaking,
    t,
    use,
)
from tests import translations

HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'


@pytest.fixture(autouse=True)
def _two_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Chinese with one form, and a language with three, from files of two rooms."""
    for language, plural in (("zh", "nplurals=1; plural=0;"), ("pl", PLURAL)):
        (tmp_path / language).mkdir()
        head = HEAD + f'"Plural-Forms: {plural}\\n"\n\n'
        for room in ("a", "b"):
            text = FILES[language, room]
            (tmp_path / language / f"{room}.po").write_text(head + text, encoding="utf-8")
    monkeypatch.setattr(catalogues, "FOLDER", tmp_path)
    monkeypatch.setitem(LANGUAGES, "zh", "中文")
    catalogue.cache_clear()
    yield
    catalogue.cache_clear()


PLURAL = "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 ? 1 : 2);"
FILES = {
    ("zh", "a"): (
        'msgid "{n} run waits"\nmsgid_plural "{n} runs wait"\nmsgstr[0] "{n} 个实验在等待"\n\n'
        'msgid "The loss is {loss:.2f}: {why}"\nmsgstr "损失为 {loss:.2f}：{why}"\n\n'
    ),
    ("zh", "b"): (
        'msgid "learned"\nmsgstr "学会了"\n\n'
        'msgid "not yet"\nmsgstr ""\n\n'
        '#, fuzzy\nmsgid "unsure"\nmsgstr "也许"\n'
    ),
    ("pl", "a"): (
        'msgid "{n} run waits"\nmsgid_plural "{n} runs wait"\n'
        'msgstr[0] "{n} czeka"\nmsgstr[1] "{n} czekają"\nmsgstr[2] "{n} oczekuje"\n'
    ),
    ("pl", "b"): "",
}


def test_a_message_is_its_english_text_and_knows_its_parts():
    message = Message("{n} run waits", "{n} runs wait", n=3)
    assert message == "3 runs wait"
    assert json.dumps({"text": message}) == '{"text": "3 runs wait"}'
    assert Message("{n} run waits", "{n} runs wait", n=1) == "1 run waits"
    assert Message("a set {1, 2}") == "a set {1, 2}"
    for copied in (copy.deepcopy(message), pickle.loads(pickle.dumps(message))):
        assert (copied, copied.template, dict(copied.values)) == (
            message, message.template, message.values,
        )  # fmt: skip
    with pytest.raises(KeyError):
        Message("{a} and {b}", a=1)


def test_a_message_is_said_with_its_values_in_the_reader_s_language():
    why = Message("learned")
    message = Message("The loss is {loss:.2f}: {why}", loss=1.234, why=why)
    assert message == "The loss is 1.23: learned"
    assert message.into("zh") == "损失为 1.23：学会了"
    # What has no translation stays English, the parts that have one do not.
    assert Message("So it {why}.", why=why).into("zh") == "So it 学会了."
    assert Message("not yet").into("zh") == "not yet"
    assert Message("unsure").into("zh") == "unsure"
    assert [Message("{n} run waits", "{n} runs wait", n=n).into("pl") for n in (1, 3, 5)] == [
        "1 czeka", "3 czekają", "5 oczekuje",
    ]  # fmt: skip


def test_a_file_keeps_what_a_message_was_made_from():
    why = Message("learned")
    message = Message("The loss is {loss:.2f}: {why}", loss=1.234, why=why)
    kept = json.loads(json.dumps({"text": message, **said(message)}))
    again = Message.restored(kept["said"], kept["text"])
    assert again == message
    assert isinstance(again, Message)
    assert again.into("zh") == "损失为 1.23：学会了"
    assert said("plain") == {}
    damaged = [None, 3, "x", [], {}, {"id": 3}, {"id": "{a}", "values": {}}, {"id": "{a}"}]
    damaged += [{"id": "{a}", "values": {"a": {"id": 4}}}, {"id": "{a.b}", "values": {"a": 1}}]
    damaged += [{"id": "{a:.3f}", "values": {"a": "x"}}, {"id": "a", "plural": 3}, {"id": "{"}]
    for one in damaged:
        assert str(Message.restored(one, "the text")) in ("the text", "{a}", "{")


def test_what_is_spoken_is_of_a_thread_and_of_a_block():
    assert (current(), t("learned")) == (SOURCE, "learned")
    with speaking("zh"):
        assert t("learned") == "学会了"
        assert t("{n} run waits", "{n} runs wait", n=2) == "2 个实验在等待"
        assert t(ValueError(Message("The loss is {loss:.2f}: {why}", loss=1, why="NaN"))) == (
            "损失为 1.00：NaN"
        )
        assert t(KeyError("learned")) == "学会了"
        assert t(OSError(2, "no such file")) == "[Errno 2] no such file"
    assert current() == SOURCE


def test_a_thread_that_was_not_told_asks(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(choice, "_ask", lambda: "zh")
    assert t("learned") == "学会了"
    with speaking("en"):
        assert t("learned") == "learned"


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("fr,zh-TW;q=0.5", "zh"),
        ("en-GB,zh;q=0.9", "en"),
        ("zh;q=0, en", "en"),
        ("zh;q=x", "en"),
        ("pl", "en"),
        (";;,,=", "en"),
    ],
)
def test_a_browser_s_language(accepted: str | None, language: str):
    assert best(accepted) == language


def test_a_terminal_s_language():
    assert of_terminal({"LANG": "zh_CN.UTF-8"}) == "zh"
    assert of_terminal({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}) == "en"
    assert of_terminal({"LC_ALL": "", "LC_MESSAGES": "zh", "LANG": "en_US"}) == "zh"
    assert of_terminal({}) == "en"


def test_a_draft_is_spoken_only_to_who_names_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(LANGUAGES, "zh")
    monkeypatch.setitem(DRAFTS, "zh", "中文")
    assert best("zh-CN") == "en"
    assert of_terminal({"LANG": "zh_CN"}) == "en"
    assert choice.chosen("zh", "en") == "zh"
    assert choice.chosen("xx", "en") == "en"


def test_use_holds_until_another_is_used():
    with speaking("en"):
        use("zh")
        assert current() == "zh"
    assert current() == SOURCE


def test_texts_of_the_source_are_found():
    python = 't("a")\nMessage("{n} b", "{n} bs", n=n)\nx.mark("c")\nt(f"{d}")\nt(e)\nprint("f")'
    python += '\nraise PydanticCustomError("kind", "{g} is wrong", {})'
    assert list(translations.in_python(python)) == [
        ("a", ""), ("{n} b", "{n} bs"), ("c", ""), ("{g} is wrong", ""),
    ]  # fmt: skip
    assert list(translations.in_template('<p title="{{ t("a") }}">{{ t("b {c}", c=d) }}</p>')) == [
        ("a", ""), ("b {c}", ""),
    ]  # fmt: skip


def test_texts_of_the_front_end_are_found(tmp_path: Path):
    path = tmp_path / "a.js"
    path.write_text('t("a {b}", { b })\ntn("{n} c", "{n} cs", n)\nt(d)\nconst at = (x) => t("é")')
    assert list(translations.in_javascript(path)) == [
        ("a {b}", ""), ("{n} c", "{n} cs"), ("é", ""),
    ]  # fmt: skip


def test_an_error_among_the_values_is_said_as_what_it_was_raised_with():
    message = Message("So {why}.", why=ValueError(Message("learned")))
    assert message == "So learned."
    assert message.into("zh") == "So 学会了."
    assert Message("{why}", why=KeyError("plain")) == "plain"
    assert Message("{why}", why=OSError(2, "gone")) == "[Errno 2] gone"


def test_a_list_of_messages_is_one(monkeypatch: pytest.MonkeyPatch):
    learned = Message("learned")
    assert joined(["a", "b", "c"], last=" or ") == "a, b or c"
    assert (joined([]), joined(["a"])) == ("", "a")
    monkeypatch.setitem(catalogue("zh").forms, "{first}, {last}", ("{first}、{last}",))
    found = joined([learned, "b", learned])
    assert found == "learned, b, learned"
    assert isinstance(found, Message)
    assert found.into("zh") == "学会了、b、学会了"


def test_values_of_other_libraries_are_kept_in_files(tmp_path: Path):
    message = Message("{path} has {n:.1f}", path=tmp_path, n=np.float32(1.5))
    kept = json.loads(json.dumps(said(message)))
    assert Message.restored(kept["said"], "lost") == message == f"{tmp_path} has 1.5"


def test_why_the_system_refused():
    assert reason(OSError(28, os.strerror(28))) == "No space left on device"
    assert isinstance(reason(OSError(28, os.strerror(28))), Message)
    assert isinstance(reason(OSError(22, Message("learned"))), Message)
    assert reason(OSError("odd")) == "odd"
    known = set(map(os.strerror, range(140)))
    assert set(REASONS) <= known, "no reason of this system"


@pytest.mark.parametrize(
    "template",
    ["{x:>999999999}", "{x.__class__}", "{x[0]}", "{x!r}", "{x:.999f}", "{x:{x}}", "{x}" * 2000],
)
def test_a_template_from_a_file_asks_for_values_and_short_formats_only(template: str):
    kept = {"id": template, "values": {"x": 3}}
    assert Message.restored(kept, "as it was") == "as it was"


def test_messages_in_messages_of_a_file_do_not_grow_without_bound():
    kept: dict[str, object] = {"id": "ha"}
    for _ in range(12):
        kept = {"id": "{a}{b}{c}{d}", "values": dict.fromkeys("abcd", kept)}
    assert Message.restored(kept, "as it was") == "as it was"


def test_a_title_within_a_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(catalogue("zh").forms, "Depth", ("深度",))
    title = Message.within_sentence("Warm-up")
    assert (title, title.template) == ("warm-up", "Warm-up")
    assert Message.within_sentence("QK-norm") == "QK-norm"
    said = Message("its {title}", title=Message.within_sentence("Depth"))
    assert (said, said.into("zh")) == ("its depth", "its 深度")
