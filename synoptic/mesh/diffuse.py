"""Colors of places on a surface from those of others: as smooth as can be, along the surface, not across its texture."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.linalg import cg
from scipy.spatial import KDTree
from torch import Tensor

from synoptic.mesh.painted_surface import PaintedSurface

NEIGHBORS = 12  # of each place, in space: on both sides of a chart's border too
BACK = -0.5  # the cosine of two faces from which on places near each other are two sides of a thin thing
FOLDED = -0.98  # of two that have a corner in common, as the sides of a sharp fold have: nearly flat on each other
NEAREST = 1e-3  # of how far neighbors are apart: places on a border that two charts share are one
TOLERANCE, ROUNDS = 1e-5, 500
MOST_NEAREST = 2**13  # known places of which the nearest is looked for: of those on a plane far away thousands are as near


def diffused(surface: PaintedSurface, place: Tensor, face: Tensor, color: Tensor, known: Tensor) -> Tensor:
    """Return colors (M, 3) of places (M, 3) on faces (M,), those that are not known by Laplace's equation on the surface.

    Each unknown color is the mean of its neighbors', by how near they are (conjugate gradients on equations scaled to a
    diagonal of 1, from the nearest of evenly chosen known colors); places that hang together with no known one keep it.
    """
    if known.all() or not known.any():
        return color
    at, colors, given = place.numpy(), color.double().numpy().copy(), known.numpy()
    some = given.nonzero()[0][:: max(1, given.sum() // MOST_NEAREST)]
    colors[~given] = colors[some][KDTree(at[some]).query(at[~given])[1]]
    graph = _graph(surface, at, face, ~given)
    inner, outer = graph[~given][:, ~given], graph[~given][:, given]
    degree = np.asarray(graph[~given].sum(1)).ravel()
    root = np.sqrt(degree.clip(1e-12))
    scale = diags_array(1 / root)
    system = diags_array(degree / root**2) - scale @ inner @ scale  # a place near many counts as one alone does
    for channel in colors.T:
        right, begin = (outer @ channel[given]) / root, channel[~given] * root
        channel[~given] = cg(system, right, begin, rtol=TOLERANCE, maxiter=ROUNDS)[0] / root
    return torch.from_numpy(colors).to(color)


def _graph(surface: PaintedSurface, at: np.ndarray, face: Tensor, wanted: np.ndarray) -> csr_array:
    """Return how near the wanted of places (M, 3) are to their neighbors on the surface, (M, M), symmetric.

    How far it is over the fold between two planes, (r + s)² + l², is more than straight, r² + s² + 2rs·cos + l²: places lie
    r·sin and s·sin from the other's plane.
    """
    (rows,) = wanted.nonzero()
    count = min(NEIGHBORS + 1, len(at))
    away, which = (np.asarray(part) for part in KDTree(at).query(at[rows], count))
    normals, corners = surface.normals[face].numpy(), surface.corners[face].numpy()
    turned = (normals[rows][:, None] * normals[which]).sum(-1)
    beside = turned > BACK
    folded = ((turned > FOLDED) & ~beside).nonzero()
    one, other = corners[rows[folded[0]]], corners[which[folded]]
    beside[folded] = (one[:, :, None] == other[:, None]).any((1, 2))
    between = at[rows][:, None] - at[which]
    above, below = ((normals[some] * between).sum(-1) for some in (rows[:, None], which))
    along = np.sqrt(away**2 + 2 * np.abs(above * below) / (1 + turned).clip(1 + FOLDED))
    weight = beside / (along + NEAREST * np.median(away)) ** 2
    weight[which == rows[:, None]] = 0
    graph = coo_array((weight.ravel(), (np.repeat(rows, count), which.ravel())), (len(at), len(at))).tocsr()
    return csr_array(graph.maximum(graph.T))
