"""The command line speaks the terminal's language; what programs read stays as it is."""

from __future__ import annotations

import argparse
import contextlib
import json
from pathlib import Path

import pytest

from core.__main__ import main
from core.cli.help import wrapped
from core.config import RunConfig
from core.language import LANGUAGES, current
from core.runs import RunStore, Status
from core.shown import width


@pytest.fixture(autouse=True)
def _chinese(monkeypatch: pytest.MonkeyPatch):
    """A Chinese terminal; Chinese as it is once it is offered."""
    monkeypatch.setitem(LANGUAGES, "zh", "中文")
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints, whatever its status."""
    with contextlib.suppress(SystemExit):  # which argparse raises after a help
        main(words)
    printed = capsys.readouterr()
    return printed.out + printed.err


def test_help_is_said(capsys: pytest.CaptureFixture[str]):
    told = said(capsys, "--help")
    assert "用法：python -m core" in told
    assert "位置参数" in told
    assert "按 TOML 文件训练若干设置取值的所有组合" in told.replace("\n", "").replace(
        " ", ""
    ).replace("TOML", " TOML ")
    train = said(capsys, "train", "--help")
    assert "块的数量" in train or "默认：6" in train
    assert "显示这份帮助并退出" in train
    for verb in ("runs", "sweep", "export", "import", "generate", "inspect", "bench", "evidence"):
        told = said(capsys, verb, "--help")
        assert "用法：" in told
        assert "options" not in told
    assert current() == "en", "the language was of the command alone"
    assert argparse._("options") == "options"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "--model.heads", "7"), "model.heads：7 不能整除 model.width 64；可取：1, 2, 4"),
        (("train", "--model.dept", "7"), "没有选项 model.dept；是否想写 --model.depth？"),
        (("train", "--fork", "none"), "fork：{root} 里没有运行 'none'；用 `runs list` 查看"),
        (("runs", "show", "none"), "id：{root} 里没有运行 'none'；用 `runs list` 查看"),
        (("runs", "restore", "none"), "id：回收站里没有运行 'none'"),
        (("runs", "list"), "{root} 里没有运行；用 `train` 训练一个"),
        (("runs", "trash"), "回收站是空的"),
        (("runs", "show"), "缺少以下参数：id（可用的写法见 --help）"),
        (("train", "--priority", "x"), "priority：'x' 不是优先级"),
        (("generate", "x", "--tokens", "many"), "参数 --tokens：不是有效的 int 值：'many'"),
        (("sweep",), "sweep：请给出一个 TOML 文件"),
        (("export",), "{root} 里没有运行；用 `train` 训练一个"),
        (("import", "none.zip"), "没有文件 none.zip；请检查路径"),
        (("inspect", "x", "none"), "KIND：没有 'none'；可取："),
        (("evidence", "--only", "none"), "only："),
    ],
)
def test_a_refusal_is_said(
    words: tuple[str, ...], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    told = said(capsys, *words, "--runs-dir", str(tmp_path))
    assert sentence.format(root=tmp_path) in told


def test_lines_of_chinese_are_broken_by_their_width():
    text = "把一个批分成几等份，再把它们（逐个）相加。must divide training.batch_size"
    assert wrapped(text, 16) == [
        "把一个批分成几等",
        "份，再把它们（逐",
        "个）相加。must",
        "divide",
        "training.batch_size",
    ]
    assert all(width(line) <= 30 for line in wrapped(text * 9, 30))
    assert "".join(wrapped(text * 9, 30)).replace(" ", "") == (text * 9).replace(" ", "")


def test_an_unknown_command_is_said(capsys: pytest.CaptureFixture[str]):
    assert "无效的选择：'foo'（可选：'train'" in said(capsys, "foo")


def test_a_list_stands_in_columns_whatever_the_width_of_its_letters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    store = RunStore(tmp_path)
    runs = [store.create(RunConfig(), name) for name in ("one", "other")]
    runs[0].write_status(Status(state="finished", step=300, steps=300))
    lines = said(capsys, "runs", "list", "--runs-dir", str(tmp_path)).splitlines()
    assert ["已完成" in line or "等待中" in line for line in lines] == [True, True]
    assert "300 / " in "".join(lines)
    assert len({len(line.partition(" / ")[0]) for line in lines}) == 1


def test_what_programs_read_stays_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    store = RunStore(tmp_path)
    run = store.create(RunConfig(), "one")
    run.write_status(Status(state="finished"))
    where = ("--runs-dir", str(tmp_path), "--json")
    [listed] = json.loads(said(capsys, "runs", "list", *where))
    assert (listed["name"], listed["state"]) == ("one", "finished")
    assert json.loads(said(capsys, "runs", "delete", run.id, *where)) == {
        "id": run.id,
        "done": "deleted",
    }
    assert json.loads(said(capsys, "runs", "restore", run.id, *where))["done"] == "restored"
    assert said(capsys, "runs", "delete", run.id, *where[:2]) == (
        f"{run.id}: 已移到回收站；可用 `runs restore` 撤销\n"
    )


def test_a_terminal_of_another_language_is_answered_in_english(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    assert "usage: python -m core" in said(capsys, "--help")
