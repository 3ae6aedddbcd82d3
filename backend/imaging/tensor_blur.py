"""Images as tensors in, blurred out."""

from __future__ import annotations

import torch
from torch.nn import functional

OPENCV_CUT = 4.0  # where OpenCV ends the kernels of float images


def gaussian_blur(image: torch.Tensor, sigma: float, cut: float = 3.0) -> torch.Tensor:
    """Images (B, C, H, W) by a separable Gaussian of `sigma` pixels; the border is continued.

    `cut`: sigmas at which the kernel ends. Beyond 3 lies .3 % of its mass; what is to agree with
    `cv2.GaussianBlur` takes OPENCV_CUT.
    """
    reach = max(int(cut * sigma + 0.5), 1)
    offset = torch.arange(-reach, reach + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-0.5 * (offset / sigma) ** 2)
    kernel = (kernel / kernel.sum()).expand(image.shape[1], 1, -1)
    groups = image.shape[1]
    across = functional.pad(image, (reach, reach, 0, 0), mode="replicate")
    across = functional.conv2d(across, kernel[:, :, None], groups=groups)
    down = functional.pad(across, (0, 0, reach, reach), mode="replicate")
    return functional.conv2d(down, kernel[..., None], groups=groups)
