"""Score distillation in two dimensions: a picture is optimized until the model likes it (Poole et al. 2023, DreamFusion)."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import cached_property

import torch
from torch import Tensor

from synoptic import io
from synoptic.diffusion.equations import randn
from synoptic.diffusion.schedules import get_clip
from synoptic.distillation.image_scene import LatentImage, PixelImage
from synoptic.distillation.lora_student import LoRAStudent
from synoptic.distillation.loss_defaults import losses_that_take, native_space
from synoptic.distillation.loss_table import LOSSES, Objective
from synoptic.distillation.on_windows import canvas_branches
from synoptic.distillation.optimize import optimize, warmup_cosine
from synoptic.guidance.batching import BranchPredict, predict_branches
from synoptic.guidance.cfg import cfg
from synoptic.guidance.perp_neg import perp_neg
from synoptic.models.base import Denoiser, PretrainedModel
from synoptic.options.base import Item
from synoptic.options.distill import GENERATED, DistillOptions
from synoptic.pipelines.base import NetworkCall, Pipeline, rngs_of
from synoptic.pipelines.input_image import InputImage
from synoptic.pipelines.objective import GRADIENT_ROWS, LossBranches, build_objective, loss_calls
from synoptic.pipelines.outputs import Output
from synoptic.sampling.joint import joint_predict
from synoptic.sampling.sdedit import sdedit
from synoptic.sampling.step import Step
from synoptic.utils.picture import read_picture
from synoptic.views.base import Projection
from synoptic.views.windows import Windows

DECODED_WINDOWS = 64  # windows whose canvases are decoded at once
SKETCH_STEPS, SKETCH_START = 10, 4  # steps of a sketch, and how many of them a source skips
SKETCH_GUIDANCE = 5.0


class DistillPipeline(Pipeline[DistillOptions]):
    """Optimize a batch of pictures, latents or pixels; larger ones than the model are seen in windows."""

    max_items = 256  # students of one network, see LoRAStudent

    @property
    def num_steps(self) -> int:
        return self.options.steps

    @property
    def views_per_item(self) -> int:
        with_gradients = self.options.loss in losses_that_take("student") or self.through_encoder
        return len(self.windows) * (GRADIENT_ROWS if with_gradients else 1)

    def calls_at(self, i: int) -> list[NetworkCall]:
        o = self.options
        conditions = 2 + has_negative_branch(o) + (o.loss in losses_that_take("student"))
        beside = GRADIENT_ROWS if self.through_encoder else 1  # what pixels take beside the encoder's maps, in rows
        return loss_calls(o.loss, len(self.windows), conditions, o.student_steps, beside)

    @property
    def calls_before(self) -> list[NetworkCall]:
        if self.options.init != "sketch":
            return []
        skipped = 0 if self.options.source is None else SKETCH_START
        return [NetworkCall(len(self.windows), 2)] * (SKETCH_STEPS - skipped)

    @property
    def through_encoder(self) -> bool:
        """Whether the pixels of a latent model are optimized."""
        return self.options.space != native_space(self.model.checkpoint)

    @property
    def gradient_pixels(self) -> int:
        _, h, w = self.windows.canvas
        return h * w * self.model.factor**2 if self.through_encoder else 0

    @cached_property
    def source(self) -> InputImage | None:
        """The picture that is edited."""
        o = self.options
        return None if o.source is None else InputImage.read(self.model.checkpoint, o.source, o.size)

    @cached_property
    def windows(self) -> Windows:
        """The model's windows over the canvas."""
        if self.source:
            return self.source.windows
        o, checkpoint = self.options, self.model.checkpoint
        f, side, stride = checkpoint.factor, checkpoint.side, checkpoint.defaults.stride
        return Windows((checkpoint.channels, o.height // f, o.width // f), (side, side), (stride, stride))

    def resume(self, items: Sequence[Item], state: Mapping[str, Tensor]) -> Generator[Step, None, list[Output]]:
        o, m, rngs, prompts = self.options, self.model, rngs_of(items), [item.title for item in items]
        x, source = self._init(prompts, rngs), self._encoded_source(len(items))
        scene = PixelImage(self._images(x)) if o.space == "pixels" else LatentImage(x)
        (parameter,) = scene.parameters()
        lr = warmup_cosine(o.lr, o.steps, o.warm_up, o.horizon)
        with closing(picture_objective(o, m, prompts, rngs, self.windows, source)) as objective:
            for done in optimize(
                scene,
                objective.loss,
                m.encode if self.through_encoder else lambda image: image,
                steps=o.steps,
                lr=lr,
                rngs=rngs,
                learner=objective.learner,
                state=state,
            ):
                x = parameter.detach().clone()
                yield Step(done.i, 0, x, x, n=o.steps, decode=self.decode, state=done.state, grad_norm=done.grad_norm)
        files = {"original.png": self.source.image} if self.source else {}
        return [Output(image, files) for image in io.to_pil(self.decode(parameter))]

    @torch.no_grad()
    def decode(self, x: Tensor) -> Tensor:
        """Return the images (B, 3, H, W) of what is optimized, few at a time where they are large."""
        if self.options.space == "pixels":
            width, height = self.source.size if self.source else (x.shape[-1], x.shape[-2])
            return x[..., :height, :width]
        some = x.detach().split(max(1, DECODED_WINDOWS // len(self.windows)))
        return torch.cat([self.source.decode(self.model, z) if self.source else self.model.decode(z) for z in some])

    @torch.no_grad()
    def _init(self, prompts: Sequence[str], rngs: Sequence[torch.Generator]) -> Tensor:
        """Return x (B, C, h, w) before the first step."""
        o, m, n = self.options, self.model, len(rngs)
        if o.init == "noise":
            return randn(self.windows.canvas, rngs).to(m.device)
        if o.init == "sketch":
            return sketch(m, prompts, o.negative_prompt, rngs, self.windows, self._encoded_source(1))
        if o.init in GENERATED:
            x = self._encoded_source(n)
            assert x is not None
            return x
        _, h, w = self.windows.canvas
        image = read_picture(o.init).resize((w * m.factor, h * m.factor))
        return m.encode(io.from_pil(image).to(m.device)).repeat(n, 1, 1, 1)

    @torch.no_grad()
    def _encoded_source(self, n: int) -> Tensor | None:
        """Return the source n times, (n, C, h, w)."""
        return None if self.source is None else self.source.encode(self.model).repeat(n, 1, 1, 1)

    @torch.no_grad()
    def _images(self, x: Tensor) -> Tensor:
        return self.model.decode(x).clamp(-1, 1)


def has_negative_branch(o: DistillOptions) -> bool:
    """Return whether the negative prompt has a branch of its own."""
    return o.perp_neg or LOSSES[o.loss].separates(o.negative_prompt)


def picture_objective(
    o: DistillOptions,
    model: PretrainedModel,
    prompts: Sequence[str],
    rngs: Sequence[torch.Generator],
    views: Projection,
    source: Tensor | None,
) -> Objective:
    """Return what a batch of pictures, one a prompt, follows on the canvas of `views`; `source` (B, C, h, w) if edited."""
    rows = [*prompts, *[o.source_prompt] * len(prompts)] if o.loss in losses_that_take("source") else prompts
    separate = has_negative_branch(o)
    texts = {"cond": rows, "null": ["" if separate else o.negative_prompt] * len(rows)}
    texts |= {"negative": [o.negative_prompt] * len(rows)} if separate else {}
    conds = {name: model.embed(some) for name, some in texts.items()}
    student = LoRAStudent(model.network, rngs) if o.loss in losses_that_take("student") else None
    conds = student.add_student_branch(conds) if student else conds

    def alone(name: str) -> BranchPredict:
        return canvas_branches(predict_branches(model, {name: conds[name]}), views)

    every = predict_branches(model, conds)
    every = canvas_branches(perp_neg(every) if o.perp_neg else every, views)
    weight = "one" if o.weight == "auto" else o.weight
    branches, edit = LossBranches(every, alone, separate, student), {"source": source, "stride": o.stride}
    return build_objective(o, model.schedule, branches, weight, student_steps=o.student_steps, **edit)


@torch.no_grad()
def sketch(
    model: Denoiser,
    prompts: Sequence[str],
    negative_prompt: str,
    rngs: Sequence[torch.Generator],
    views: Projection,
    source: Tensor | None,
) -> Tensor:
    """Return x (B, C, h, w) after a few steps of plain sampling, or of SDEdit from a source: where to begin from."""
    s = model.schedule
    guided = cfg(model, prompts, SKETCH_GUIDANCE, negative_prompt, clip=get_clip("auto", s))
    x0 = torch.zeros(len(rngs), *views.canvas, dtype=torch.float32, device=model.device) if source is None else source
    start, steps = 0 if source is None else SKETCH_START, s.steps(SKETCH_STEPS)
    *_, step = sdedit(joint_predict(guided, s, views), s, x0, start=start, steps=steps, rngs=rngs)
    return step.x
