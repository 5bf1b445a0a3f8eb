"""Projection of surfels into the image in differentiable torch: step 1 of the definition, for the oracle and CUDA."""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .camera import Camera
from .definition import ALPHA_MIN, EDGE_ON, REACH


@dataclass
class Projected:
    """The surfels that can be seen, M of N.

    Attributes:
        index: int64 [M] rows of the input.
        centre: [M, 2] c, pixels.
        jacobian: [M, 2, 2] J, pixels per standard deviation; EDGE_ON times the identity where edge-on.
        w: [M, 2] perspective terms.
        depth: [M] z of the centre in camera space, metres.
        opacity: [M] sigmoid of the logits.
    """

    index: Tensor
    centre: Tensor
    jacobian: Tensor
    w: Tensor
    depth: Tensor
    opacity: Tensor


def rotation_columns(quat: Tensor) -> Tensor:
    """Rotation matrices [N, 3, 3] (columns are tangent 0, tangent 1, normal) of quaternions wxyz [N, 4], normalised."""
    w, x, y, z = (quat / quat.norm(dim=1, keepdim=True)).unbind(1)
    return torch.stack([
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], 1).view(-1, 3, 3)


def world_to_camera(camera: Camera, like: Tensor) -> tuple[Tensor, Tensor]:
    """Rotation [3, 3] and translation [3] of the camera with the dtype and device of `like`."""
    matrix = torch.as_tensor(camera.world_to_camera, dtype=like.dtype, device=like.device)
    return matrix[:3, :3], matrix[:3, 3]


def project(camera: Camera, mean: Tensor, log_scale: Tensor, quat: Tensor, opacity: Tensor) -> Projected:
    """Project surfels; every argument as in `render`. Gradients flow to all of them."""
    parameters = torch.cat([mean, log_scale, quat, opacity[:, None]], 1).detach()  # [N, 10]
    usable = torch.isfinite(parameters).all(1) & (quat.detach().norm(dim=1) > 0)
    usable &= torch.sigmoid(opacity.detach()) >= ALPHA_MIN
    index = usable.nonzero()[:, 0]
    rotation, translation = world_to_camera(camera, mean)
    with torch.no_grad():  # before anything that could divide by zero
        point = mean[index] @ rotation.T + translation
        axes = rotation @ rotation_columns(quat[index])[:, :, :2] * log_scale[index].exp()[:, None]  # [M, 3, 2]
        nearest = point[:, 2] - REACH * axes[:, 2].norm(dim=1)
        index = index[nearest >= camera.near]

    point = mean[index] @ rotation.T + translation  # [M, 3]
    axes = rotation @ rotation_columns(quat[index])[:, :, :2] * log_scale[index].exp()[:, None]  # [M, 3, 2] a_k
    focal = point.new_tensor([camera.fx, camera.fy])
    principal = point.new_tensor([camera.cx, camera.cy])
    if camera.orthographic:
        centre = point[:, :2] * focal + principal
        jacobian = axes[:, :2] * focal[:, None]
        w = torch.zeros_like(axes[:, 2])
    else:
        direction = point[:, :2] / point[:, 2:]
        centre = direction * focal + principal
        jacobian = (axes[:, :2] - direction[:, :, None] * axes[:, 2:]) * focal[:, None] / point[:, 2, None, None]
        w = axes[:, 2] / point[:, 2:]
    determinant = jacobian[:, 0, 0] * jacobian[:, 1, 1] - jacobian[:, 0, 1] * jacobian[:, 1, 0]
    edge_on = determinant.abs() < EDGE_ON * jacobian.flatten(1).norm(dim=1)
    jacobian = torch.where(edge_on[:, None, None], EDGE_ON * torch.eye(2, dtype=w.dtype, device=w.device), jacobian)
    w = torch.where(edge_on[:, None], torch.zeros_like(w), w)
    return Projected(index, centre, jacobian, w, point[:, 2], torch.sigmoid(opacity[index]))
