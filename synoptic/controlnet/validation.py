"""How well a ControlNet under training is followed: paintings of the maps that were held back, now and then."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synoptic.distributed import is_main_process
from synoptic.models.registry import Checkpoint

if TYPE_CHECKING:
    from torch import Tensor

    from synoptic.controlnet.dataset import CachedPairs
    from synoptic.models.base import Denoiser
    from synoptic.runs.manifest import Run

TABLE, NET, HEAD = "fidelity.tsv", "controlnet", "step\tloss\tfidelity\tanother's map"

STEPS = 12  # of second order, for paintings that are only measured

Row = tuple[int, float | None, float, float]  # step, mean loss since the row before, fidelity, that to another's map


def rows_of(folder: Path) -> list[Row]:
    """What was measured so far in a run's folder."""
    if not (folder / TABLE).exists():
        return []
    rows = [line.split("\t") for line in (folder / TABLE).read_text().splitlines()[1:]]
    return [(int(step), float(loss) if loss else None, float(own), float(other)) for step, loss, own, other in rows]


def table(rows: Sequence[Row]) -> str:
    lines = [f"{step}\t{'' if loss is None else f'{loss:.5f}'}\t{own:.4f}\t{other:.4f}" for step, loss, own, other in rows]
    return "\n".join([HEAD, *lines])


class Fidelity:
    """fidelity.tsv, fidelity.png and previews/ in the run's folder; the net as it then is, in controlnet/.

    It measures what it wrote: the net is read back and paints the maps of `held`, always from the same noise.
    """

    def __init__(
        self, run: Run, source: Checkpoint, m: Denoiser, pictures: CachedPairs, held: Sequence[int], captions: Sequence[str]
    ):
        self.run, self.source, self.m = run, source, m
        self.pictures, self.held, self.captions = pictures, held, captions
        self.rows = rows_of(run.folder)

    def look(self, net: Any, losses: Sequence[Tensor], precision: AbstractContextManager[Any]) -> None:
        """After step len(losses), where it is time to, unless that was measured before."""
        step, settings = len(losses), self.run.settings
        due = step % settings["evaluate_every"] == 0 or step == settings["steps"]
        if not due or not is_main_process() or step in [row[0] for row in self.rows]:
            return

        import torch

        from synoptic import io
        from synoptic.controlnet.fidelity import control_fidelity

        net.save_pretrained(self.run.folder / NET)
        x0, seen = (torch.stack(part) for part in zip(*map(self.pictures, self.held), strict=True))
        with torch.no_grad(), precision:
            painted, shown = self._painted(seen).cpu().float(), self.m.decode(x0.to(self.m.device)).cpu().float()
        own, other = (control_fidelity(settings["condition"], painted, m).mean().item() for m in (seen, seen.roll(1, 0)))
        lately = losses[self.rows[-1][0] if self.rows else 0 :]
        loss = torch.stack([value.cpu() for value in lately]).mean().item() if lately else None
        self.rows.append((step, loss, own, other))
        io.atomic_write(self.run.folder / TABLE, lambda f: f.write(f"{table(self.rows)}\n".encode()))
        lines = {"its own map": [(r[0], r[2]) for r in self.rows], "another's": [(r[0], r[3]) for r in self.rows]}
        plot = io.plot_lines(lines, "step", f"how far paintings of held-back {settings['condition']} maps follow")
        io.save_image(self.run.folder / "fidelity.png", plot, {"settings": settings})
        self._preview(step, 2 * seen - 1, painted, shown)

    def _painted(self, seen: Tensor) -> Tensor:
        """Pictures (N, 3, H, W) of the maps, by the net that was written."""
        from synoptic.controlnet.dataset import keyed_generator
        from synoptic.diffusion import solvers
        from synoptic.diffusion.equations import randn
        from synoptic.diffusion.schedules import get_clip
        from synoptic.guidance.cfg import cfg
        from synoptic.models.controlnet import Control, ControlledDenoiser
        from synoptic.models.load import load_controlnet
        from synoptic.sampling.single import sample

        net = load_controlnet(str(self.run.folder / NET), model=self.source, device=str(self.m.device), dtype="float32")
        told, s, usual = ControlledDenoiser(self.m, [Control(net, seen)]), self.m.schedule, self.source.defaults
        predict = cfg(told, self.captions, usual.guidance_scale, clip=get_clip("auto", s))
        z = randn(self.m.shape, [keyed_generator(self.run.settings["seed"], 3, k) for k in self.held]).to(self.m.device)
        *_, last = sample(predict, s, z, steps=solvers.timestep_pairs("dpm++", s, STEPS), solver=solvers.get_solver("dpm++"))
        return self.m.decode(last.x)

    def _preview(self, step: int, seen: Tensor, painted: Tensor, shown: Tensor) -> None:
        """Each map, its painting, and the picture that it was drawn of."""
        from synoptic import io

        n = min(len(painted), 8)
        rows = [picture for part in (seen, painted, shown) for picture in io.to_pil(part[:n])]
        labels = ["map"] * n + list(self.captions[:n]) + ["held back"] * n
        (self.run.folder / "previews").mkdir(exist_ok=True)
        io.save_image(self.run.folder / "previews" / f"{step}.png", io.image_grid(rows, labels, n), {"step": step})
