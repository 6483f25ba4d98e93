"""What happens around a training step, one job a hook and one hook a module.

The loop calls each hook, in the order of its list, at these moments of step s:

    on_step_start   before the batch of step s; the network is θ_s
    on_measured     θ_s has its gradients, the row of step s is in the log
    on_backward     θ_s has its gradients, the optimizer has not moved yet
    on_update       the network is θ_{s+1}; gradients are still there
    on_step_end     `state.step` is s + 1
    on_rewired      the network was replaced by one with another wiring
    on_flush        rows were written; it came to this by time, or because a hook asked for it
    on_finish       the last step is done
"""

from core.training.hooks.divergence import Divergence
from core.training.hooks.evaluate import Evaluate
from core.training.hooks.hook import Hook
from core.training.hooks.instruments import Instruments
from core.training.hooks.keep_checkpoints import KeepCheckpoints
from core.training.hooks.probe import Probe
from core.training.hooks.report_status import ReportStatus, Watch
from core.training.hooks.rewire import Rewire
from core.training.hooks.send import Send
from core.training.hooks.share_processor import ShareProcessor

__all__ = [
    "Divergence",
    "Evaluate",
    "Hook",
    "Instruments",
    "KeepCheckpoints",
    "Probe",
    "ReportStatus",
    "Rewire",
    "Send",
    "ShareProcessor",
    "Watch",
]
