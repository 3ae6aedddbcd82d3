"""One process' loss in; a step that all processes of a training take alike out.

`python -m torch.distributed.run` starts them, accelerate gives each its device.
Gradients are averaged here, as StyleGAN's own training has it: its wrapper for several GPUs bears
neither gradients of gradients nor parts of a network that are called by themselves.
"""

from __future__ import annotations

from datetime import timedelta

import torch
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor

from studio_avatar_addon.avatar.types import Progress

from ..job.terminal import Silent, TerminalProgress

# The others wait while the main process films and paints what the cache does not hold yet.
MAX_WAIT = timedelta(hours=12)


def accelerator_for_training() -> Accelerator:
    """bfloat16 on a GPU, where it does no harm."""
    gpu = torch.cuda.is_available()
    return Accelerator(
        cpu=not gpu, mixed_precision="bf16" if gpu else "no",
        kwargs_handlers=[InitProcessGroupKwargs(timeout=MAX_WAIT)],
    )  # fmt: skip


def finish(accelerator: Accelerator, message: str) -> str:
    """`message` of the main process, nothing by the others, once all are done."""
    accelerator.wait_for_everyone()
    accelerator.end_training()
    return message if accelerator.is_main_process else ""


def main_process_progress(accelerator: Accelerator) -> Progress:
    """What the terminal shows, of the main process only."""
    return TerminalProgress() if accelerator.is_main_process else Silent()


def optimizer_step(
    accelerator: Accelerator,
    loss: Tensor,
    *optimizers: torch.optim.Optimizer,
    max_gradient_norm: float | None = None,
) -> None:
    """One step down the mean of all processes' losses, tensors of shape ().

    Gradients longer than `max_gradient_norm` in all are shortened to it.
    """
    for optimizer in optimizers:
        optimizer.zero_grad(set_to_none=True)
    accelerator.backward(loss)
    parameters = [p for o in optimizers for group in o.param_groups for p in group["params"]]
    if accelerator.num_processes > 1:
        _average_gradients(accelerator, parameters)
    if max_gradient_norm is not None:
        accelerator.clip_grad_norm_(parameters, max_gradient_norm)
    for optimizer in optimizers:
        optimizer.step()


def mean_over_processes(accelerator: Accelerator, value: Tensor) -> Tensor:
    """Mean of all processes' `value` (...), which has the same shape in each."""
    if accelerator.num_processes == 1:
        return value
    return accelerator.reduce(value, "mean")


def any_process(accelerator: Accelerator, condition: bool) -> bool:
    """Whether any process says so: all go on, or none."""
    share = mean_over_processes(
        accelerator, torch.tensor(float(condition), device=accelerator.device)
    )
    return share.item() > 0.0


def _average_gradients(accelerator: Accelerator, parameters: list[torch.nn.Parameter]) -> None:
    """In one message. All must send the same, so what a process did not use counts as 0; what none
    of them used keeps no gradient, as in a single process."""
    used = torch.tensor([float(p.grad is not None) for p in parameters], device=accelerator.device)
    sent = torch.cat([used, *(_gradient(p).flatten() for p in parameters)])
    mean = mean_over_processes(accelerator, sent)
    used, *parts = mean.split([len(parameters), *(p.numel() for p in parameters)])
    for parameter, is_used, part in zip(parameters, used.tolist(), parts, strict=True):
        if is_used:
            # Into memory laid out as the weights are.
            parameter.grad = torch.empty_like(parameter).copy_(part.view_as(parameter))


def _gradient(parameter: torch.nn.Parameter) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
