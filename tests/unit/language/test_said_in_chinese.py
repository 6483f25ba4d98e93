"""Refusals of each room, raised for good, and what files keep, are said in Chinese."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field, ValidationError

from core import grids, memory, presets
from core.catalogue import filters
from core.catalogue.outcomes import cell
from core.config import RunConfig, explain
from core.config import layers as counting
from core.config.overrides import parse, typed
from core.config.refusals import SAID
from core.data import corpora
from core.files import read_named
from core.fitting import advice
from core.jobs import forks, inspections, launcher
from core.jobs.inspections import Record
from core.jobs.places import Place
from core.jobs.room import GPU, Room
from core.language import Message, speaking, t
from core.metrics import holes
from core.runs import RunStore, Status
from core.runs.trash import Cleared
from core.transfer import tables
from core.transfer.archive import import_runs

Refused = Callable[[RunStore], Any]


def settings(**values: Any) -> Refused:
    def refused(store: RunStore) -> None:
        try:
            RunConfig.from_flat({name.replace("__", "."): value for name, value in values.items()})
        except ValidationError as error:
            raise ValueError(explain(error)) from error

    return refused


REFUSED: dict[str, tuple[Refused, str]] = {
    "width and heads": (
        settings(model__width=64, model__heads=7),
        "model.heads：7 不能整除 model.width 64；可取：1, 2, 4, 8, 16, 32, 64",
    ),
    "unknown setting": (
        settings(model__dept=3),
        "model.dept 不是设置项（是否想写 depth？）；可用的有：family",
    ),
    "no number": (
        settings(model__depth="x"),
        "model.depth：应为整数，所给的文本不是整数（所给的是 'x'）",
    ),
    "too many": (
        settings(training__batch_size=0),
        "training.batch_size：应大于或等于 1（所给的是 0）",
    ),
    "no word": (settings(model__norm="best"), "'group' 或 'none'（所给的是 'best'）"),
    "auto": (settings(training__threads="x"), "training.threads：应为 auto 或整数（所给的是 'x'）"),
    "a switch": (
        settings(training__switches="5/9: residual=off", model__depth=6),
        "training.switches：在第 5 步，overrides：第 9 层超出了 model.depth 6；可取第 0 到 5 层",
    ),
    "layers": (lambda store: typed("0: residual=off"), "'0'：这里的层从 1 数起"),
    "filter": (lambda store: filters.parse("depth >= deep"), "depth 是数，而 deep 不是"),
    "preset": (lambda store: presets.load("none such"), "preset：没有 'none such'；可取："),
    "grid": (lambda store: grids.grid("a", RunConfig(), {}), "grid：没有任何设置给出取值"),
    "file": (lambda store: read_named(store.root / "none", 10), "没有文件 "),
    "corpus": (
        lambda store: corpora.load_corpus(
            RunConfig.from_flat({"data.corpus": "file", "data.path": str(store.root)})
        ),
        " 是文件夹；请给出文件",
    ),
    "run": (lambda store: store.open("none"), "里没有运行 none；用 `runs list` 查看"),
    "fork": (
        lambda store: forks.named("a@b"),
        "fork：'b' 不是步数；可写 RUN 或 RUN@STEP，如 a@200",
    ),
    "inspection": (
        lambda store: inspections.ask(store, store.create(RunConfig()), "heads"),
        "还没有检查点；请继续训练",
    ),
    "a command": (
        lambda store: launcher.control(store, ended(store), "pause"),
        "的状态是“已完成”；不能再暂停了",
    ),
    "export": (lambda store: tables.export([], "csv", store.root / "new"), "没有可导出的运行"),
    "import": (lambda store: import_runs(store, Path(__file__)), "已损坏或不是 zip"),
}


def ended(store: RunStore) -> Any:
    run = store.create(RunConfig())
    run.write_status(Status(state="finished"))
    return run


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_is_said(name: str, tmp_path: Path):
    refused, words = REFUSED[name]
    with pytest.raises((ValueError, KeyError)) as raised:
        refused(RunStore(tmp_path))
    with speaking("zh"):
        assert words in t(raised.value)


def test_what_pydantic_says_is_said_as_it_says_it():
    """Else the English of a sentence would not be what people know, and its Chinese not found."""

    class Each(BaseModel):
        whole: int = Field(1, ge=1, le=9)
        part: float = Field(0.5, gt=0, lt=1.5, allow_inf_nan=False)
        on: bool = False
        text: str = Field("", max_length=3)
        many: list[int] = []
        pair: tuple[int, int] = (1, 2)
        fields: dict[str, int] = {}

    wrong = {
        "whole": ("x", 1.5, 0, 10, "9" * 5000, None),
        "part": ("x", 0.0, 1.5, float("inf"), None),
        "on": ("perhaps", 7.5),
        "text": (5, "long"),
        "many": (3,),
        "pair": (3,),
        "fields": (3,),
    }
    kinds = set()
    for field, values in wrong.items():
        for value in values:
            with pytest.raises(ValidationError) as raised:
                Each.model_validate({field: value})
            first = raised.value.errors()[0]
            kinds.add(first["type"])
            said = explain(raised.value)
            english = first["msg"][:1].lower() + first["msg"][1:]
            assert said.startswith(f"{field}: {english}")
            assert isinstance(said, Message)
            chinese = said.into("zh")
            assert english not in chinese, "it was said as pydantic says it"
    assert len(kinds & set(SAID)) >= 16


def test_layers_of_a_message_are_counted_from_1_in_any_language():
    with pytest.raises(ValidationError) as raised:
        RunConfig.from_flat({"model.depth": 6, "model.overrides": "6: residual=off"})
    said = counting.sentence(explain(raised.value))
    assert said == ("model.overrides: layers 7 are beyond model.depth 6; accepted: layers 1 to 6")
    with speaking("zh"):
        assert t(said) == "model.overrides：第 7 层超出了 model.depth 6；可取第 1 到 6 层"
        assert t(counting.named(0, 3)) == "第 1 到 4 层"


def test_sentences_that_are_put_together_are_said_as_one():
    room = Room(8 * 10**9, 6 * 10**9, 2 * 10**9, 2, GPU)
    with speaking("zh"):
        assert t(room.lacks(3 * 10**9, waits=False)) == "除正在工作的 2 个任务外，GPU还剩 2.0 GB"
        assert t(Place(12, 90.0, 3).words) == "第 12 位，优先级 3，大约 2 分钟后开始"
        assert t(holes.sentence([(5, 5), (7, 90)])) == (
            "第 5、7 到 90 步的数据行缺失：它的一部分指标已损坏。"
        )
        assert list(map(t, Cleared(remnants=1, expired=3).sentences())) == [
            "已清理 1 次中断的删除或导入留下的内容。",
            "3 个运行在删除 30 天后从回收站中彻底清除了。",
        ]
        assert "就放得下" in t(advice(RunConfig(), 80, 10**9)) or memory.ram() is None
        assert cell([]).for_browser(t)["said"] == "没有运行"


def test_a_state_that_a_file_keeps_is_said_in_the_reader_s_language(tmp_path: Path):
    run = RunStore(tmp_path).create(RunConfig())
    message = Message("the disk is full: free {size} MB; it goes on by itself", size="3")
    run.write_status(Status(state="paused", message=message))
    assert json.loads((run.path / "status.json").read_text())["message"] == message
    read = Status.read(run.path / "status.json")
    copied = read.model_copy(update={"step": 7})
    with speaking("zh"):
        assert t(read.message) == t(copied.message) == "磁盘已满：请腾出 3 MB；之后会自动继续"
    assert Status.model_validate_json(copied.model_dump_json()).message == message
    plain = Status.model_validate({"message": "an older one"})
    assert "said" not in json.loads(plain.model_dump_json())


@pytest.mark.parametrize("said", [3, {}, {"id": 4}, {"id": "{a.b}", "values": {"a": 1}}, []])
def test_a_damaged_part_of_a_state_leaves_its_text(tmp_path: Path, said: object):
    path = tmp_path / "status.json"
    path.write_text(json.dumps({"state": "failed", "message": "as it was", "said": said}))
    assert Status.read(path).message == "as it was"


def test_an_event_keeps_what_its_text_was_made_from(tmp_path: Path):
    run = RunStore(tmp_path).create(RunConfig())
    text = Message("forked from {run} at step {step:,}.", run="mother", step=1200)
    run.add_event("fork", 1200, text=text)
    [event] = run.events
    assert event == {"kind": "fork", "step": 1200, "text": "forked from mother at step 1,200."}
    with speaking("zh"):
        assert t(event["text"]) == "在第 1,200 步从 mother 分叉。"


def test_an_answer_s_state_is_said_in_the_reader_s_language(tmp_path: Path):
    message = Message("run {run} was deleted meanwhile", run="a")
    inspections.write_state(tmp_path, Record("failed", message=message))

    class Asked(inspections.BackgroundWork):
        folder = tmp_path

    record = Asked().read_record()
    assert record is not None
    assert record.message == message
    with speaking("zh"):
        assert t(record.message) == "运行 a 其间被删除了"


def test_a_refused_switch_is_noted_with_its_parts(tmp_path: Path):
    """It is kept in a file, which takes no template that asks for more than a value by its name."""
    run = RunStore(tmp_path).create(RunConfig())
    with pytest.raises(ValueError, match="can't be read") as raised:
        parse("3 residual=off")
    run.add_event("note", 3, text=Message("a switch was refused: {why}", why=raised.value))
    [event] = run.events
    with speaking("zh"):
        assert t(event["text"]).startswith("一次切换被拒绝：'3 residual=off' 无法理解；可写：")
