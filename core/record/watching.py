"""What is measured on a network that this lab did not build, through PyTorch's own hooks.

Nothing of the network or its training is changed: hooks read tensors that are there anyway, draw no
random number and keep no graph. Norms stay on their device until they are written.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.optimizer import Optimizer, register_optimizer_step_pre_hook
from torch.utils.hooks import RemovableHandle

from core.language import Message, mark
from core.probes.activations import STATISTICS, statistics

OUT = "layer.out"  # the observable: what a layer puts out
HALF = 0.5  # repeated blocks with less of the parameters than that are not what a network is of
MOST_WAITING = 10_000  # rows until somebody flushes


class Row(NamedTuple):
    """One row of a metric: a number () or one for each layer (L,), at a time of the clock."""

    name: str
    step: int
    seconds: float
    values: Tensor


class Watching:
    """Watches a model from now on. `names` are its layers, `steps` the optimizer's steps so far.

    `problem` hears what can't be measured, a sentence each; `tick` is called after each step.
    Raises ValueError for layers that the model does not have.
    """

    # Of the repeated groups of parameters, Euclidean, as in core.probes.gradients.
    GRADIENTS = mark("as the optimizer took them, after clipping where the loop clips")

    def __init__(
        self,
        model: nn.Module,
        *,
        every: int,
        layers: Sequence[str],
        problem: Callable[[Message], None],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise ValueError(
                Message("watch: {kind} is no torch.nn.Module", kind=type(model).__name__)
            )
        if isinstance(every, bool) or int(every) != every or every < 0:
            raise ValueError(
                Message("every: {every} is none; accepted: a whole number, 0 for never",
                        every=every)
            )  # fmt: skip
        model = getattr(model, "_orig_mod", model)  # of torch.compile
        found = _named(model, layers) if layers else layers_of(model)
        self.model, self.names = type(model).__name__, list(found)
        self.steps = 0  # of the optimizer, since it is watched
        self._begins: int | None = None  # the step of the first, once the loop has said one
        self._every, self._problem, self._tick = int(every), problem, tick
        self._rows: deque[Row] = deque(maxlen=MOST_WAITING)
        self._since = False  # whether the model was run since the optimizer's last step
        self._seen: dict[int, dict[str, Tensor]] = {}  # statistics by layer, of this step
        every_one = dict(model.named_parameters())
        own = {id(p): at for at, one in enumerate(found.values()) for p in one.parameters()}
        self._parameters = list(every_one.values())
        self._ids = {id(p) for p in self._parameters}
        self._layer = [own.get(id(p), len(found)) for p in self._parameters]
        self._handles: list[RemovableHandle] = [
            register_optimizer_step_pre_hook(self._before_step),
            model.register_forward_pre_hook(self._run),
        ]
        if self._every:
            self._handles += [
                module.register_forward_hook(self._output(at))
                for at, module in enumerate(found.values())
            ]

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what it measures."""
        gradients = ("grad_norm/total", "grad_norm/block", "grad_norm/rest")
        return (*gradients, *(f"activation/{one}/{OUT}" for one in STATISTICS))

    @property
    def step(self) -> int:
        """The step that numbers belong to which are logged now: what the loop has after an update
        and before it runs the model again is of that update."""
        return self._counted + (self._begins or 0)

    @property
    def _counted(self) -> int:
        return self.steps if self._since else max(self.steps - 1, 0)

    def said(self, step: int) -> None:
        """The loop says that it is at this step; the first time decides how its steps count."""
        if self._begins is None:
            self._begins = max(step - self._counted, 0)

    def taken(self) -> Iterator[Row]:
        """The rows since the last call."""
        while self._rows:
            row = self._rows.popleft()
            yield row._replace(step=row.step + (self._begins or 0))

    def remove(self) -> None:
        """Watch no more."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    # Hooks

    def _run(self, module: nn.Module, inputs: Any) -> None:
        if not torch.compiler.is_compiling():
            self._since = True

    def _output(self, at: int) -> Callable[[nn.Module, Any, Any], None]:
        def look(module: nn.Module, inputs: Any, output: Any) -> None:
            if torch.compiler.is_compiling() or not module.training:
                return
            if self.steps % self._every or at in self._seen:
                return
            tensor = first_tensor(output)
            if tensor is None or not tensor.is_floating_point() or tensor.ndim < 2:
                return
            with torch.no_grad():
                found = statistics({f"blocks.0.{OUT}": tensor.detach()})
            self._seen[at] = {name: value[0] for name, value in found.items()}

        return look

    @torch.no_grad()
    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not any(id(p) in self._ids for group in optimizer.param_groups for p in group["params"]):
            return  # of another network
        now, step = time.time(), self.steps
        self._since = False
        try:
            self._gradients(step, now)
            self._activations(step, now)
        except (RuntimeError, TypeError, ValueError) as error:
            self._problem(
                Message("core.record could not measure this network: {why}; the training goes on",
                        why=str(error).splitlines()[0])
            )  # fmt: skip
        self.steps += 1
        if self._begins is not None:
            self._tick()

    def _gradients(self, step: int, now: float) -> None:
        there = [(p.grad, at) for p, at in zip(self._parameters, self._layer, strict=True)
                 if p.grad is not None]  # fmt: skip
        if not there:
            return
        home = there[0][0].device
        parts = [_square(gradient).to(home) for gradient, _ in there]
        squares = torch.stack(parts)
        count = len(self.names)
        places = torch.tensor([at for _, at in there], device=home)
        summed = squares.new_zeros(count + 1).index_add_(0, places, squares)
        known = squares.new_zeros(count + 1).index_add_(0, places, torch.ones_like(squares))
        norms = summed.sqrt().masked_fill(known == 0, torch.nan)
        self._rows.append(Row("grad_norm/total", step, now, summed.sum().sqrt()))
        if count:
            self._rows.append(Row("grad_norm/block", step, now, norms[:count]))
        if count in self._layer:
            self._rows.append(Row("grad_norm/rest", step, now, norms[count]))

    def _activations(self, step: int, now: float) -> None:
        if not self._every or step % self._every:
            return
        seen, self._seen = self._seen, {}
        if not seen:
            self._problem(
                Message(
                    "core.record sees no activations: the layers' outputs are no tensors, or the"
                    " model is compiled (torch.compile), where only gradients can be watched"
                )
            )
            return
        names = next(iter(seen.values()))
        home = next(iter(names.values()))
        nothing = torch.full((), torch.nan, device=home.device)
        for name in names:
            each = [seen[at][name].to(home.device) if at in seen else nothing
                    for at in range(len(self.names))]  # fmt: skip
            self._rows.append(Row(name, step, now, torch.stack(each)))


def _square(gradient: Tensor) -> Tensor:
    """‖g‖² in float64, where vanishing gradients do not underflow."""
    if gradient.is_sparse:
        gradient = gradient.coalesce().values()
    if gradient.device.type == "mps":
        norm: Tensor = torch.linalg.vector_norm(gradient.float())
    else:
        norm = torch.linalg.vector_norm(gradient, dtype=torch.float64)
    return norm.square()


def first_tensor(output: Any) -> Tensor | None:
    """The tensor of a module's output: itself, or the first of a tuple, list or mapping."""
    if isinstance(output, Tensor):
        return output
    inner = output.values() if isinstance(output, Mapping) else output
    if isinstance(inner, tuple | list) or isinstance(output, Mapping):
        return next((one for one in inner if isinstance(one, Tensor)), None)
    return None


# Layers


def layers_of(model: nn.Module) -> dict[str, nn.Module]:
    """The layers of a network by their names, in the order in which they are registered.

    Its outermost repeated blocks: children of one class in a ModuleList or Sequential, where these
    hold half of the parameters; else every module that has parameters of its own.
    """
    found: dict[str, nn.Module] = {}
    _collect("", model, found)
    whole = sum(p.numel() for p in model.parameters())
    inside = {id(p): p.numel() for one in found.values() for p in one.parameters()}
    if found and sum(inside.values()) >= HALF * whole:
        return found
    return {
        name or type(model).__name__: one
        for name, one in model.named_modules()
        if any(True for _ in one.parameters(recurse=False))
    }


def _collect(name: str, module: nn.Module, found: dict[str, nn.Module]) -> None:
    for word, child in module.named_children():
        path = f"{name}.{word}" if name else word
        if isinstance(child, nn.ModuleList | nn.Sequential) and _repeats(child):
            found.update({f"{path}.{w}": c for w, c in child.named_children() if _trained(c)})
        else:
            _collect(path, child, found)


def _repeats(container: nn.Module) -> bool:
    """Whether it holds two or more blocks of one class, each of several modules."""
    kinds = [type(c) for c in container.children() if _trained(c)]
    composed = all(any(True for _ in c.children()) for c in container.children() if _trained(c))
    return composed and any(kinds.count(kind) > 1 for kind in kinds)


def _trained(module: nn.Module) -> bool:
    return any(True for _ in module.parameters())


def _named(model: nn.Module, patterns: Sequence[str]) -> dict[str, nn.Module]:
    """The modules of these names; `*` stands for one part of a name, as in `h.*`."""
    there = dict(model.named_modules())
    found: dict[str, nn.Module] = {}
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        rule = re.compile(re.escape(pattern).replace(r"\*", r"[^.]+"))
        fitting = {name: one for name, one in there.items() if rule.fullmatch(name)}
        if not fitting:
            raise ValueError(
                Message("layers: the model has no module {name}; it has {known}", name=pattern,
                        known=", ".join([name for name in there if name][:20]))
            )  # fmt: skip
        found.update(fitting)
    return found
