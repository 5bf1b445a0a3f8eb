"""What every implementation of the rasteriser computes, to the letter, and the constants of it.

2D Gaussian splatting for geometrically accurate radiance fields (Huang et al., SIGGRAPH 2024, arXiv 2403.17888),
with the thresholds of gsplat's rasterization_2dgs, so that the CUDA implementation computes the same picture.

A surfel has a centre, two tangents t0, t1 with standard deviations s0, s1, and an opacity o = sigmoid(logit).

1. Projection. With the camera coordinates (x, y, z) of the centre and a_k = s_k * (rotation of the camera) @ t_k:
       pinhole       c = (fx x/z + cx, fy y/z + cy),   w_k = a_k.z / z,
                     J[:, k] = (fx (a_k.x - x/z a_k.z), fy (a_k.y - y/z a_k.z)) / z
       orthographic  c = (fx x + cx, fy y + cy),       w_k = 0,       J[:, k] = (fx a_k.x, fy a_k.y)
   A point u = (u0, u1) of the surfel's plane, in standard deviations, then lies at c + J u / (1 + w . u) in the image.
   This is the paper's homography with the centre as origin, which keeps float32 accurate.
2. Intersection of a pixel's ray (through the pixel's centre p) with the plane, d = p - c:
       q = inverse(J) d,   u = q / (1 - w . q),   r3 = u . u    (r3 = infinity where 1 - w . q <= 0)
   Low-pass of the paper (a screen-space Gaussian with a standard deviation of sqrt(1/2) pixel): r2 = 2 d . d
3. alpha = min(0.999, o exp(-min(r3, r2) / 2)); left out where alpha < 1/255. This also bounds a surfel: it ends where
   o exp(-r/2) = 1/255, at most sqrt(2 ln 255) = 3.33 standard deviations from its centre.
4. Front to back by the z of the centres, equal z by index: with transmittance T = 1 at first, a surfel for which
   T (1 - alpha) <= 1e-4 ends the pixel (itself left out); else its channels are added with weight T alpha, and
   T becomes T (1 - alpha). The background is added with weight T.

Left out as a whole: surfels with parameters that are not finite, with a quaternion of zero length, with o < 1/255, or
with any point within 3.33 standard deviations that lies nearer than the camera's near plane (so 1 + w . u > 0 wherever
they are drawn). Edge-on surfels, whose projected standard deviation is smaller than EDGE_ON pixels in one direction
(|det J| < EDGE_ON |J|, Frobenius norm), are drawn by the low-pass alone: inverse(J) = 1 / EDGE_ON, w = 0.
"""
from __future__ import annotations

import math

ALPHA_MIN = 1.0 / 255.0
"""Weaker contributions are left out."""
ALPHA_MAX = 0.999
"""No surfel is more opaque than this at a pixel."""
TRANSMITTANCE_MIN = 1e-4
"""A pixel is finished before its transmittance falls to this."""
LOW_PASS = 2.0
"""Inverse variance of the screen-space low-pass, 1 / pixels^2."""
EDGE_ON = 0.01
"""Pixels: thinner projections are drawn by the low-pass alone."""
REACH = math.sqrt(-2.0 * math.log(ALPHA_MIN))
"""Standard deviations at which the most opaque surfel ends."""
