"""From words to an object: a radiance field whose renders a model likes from all sides (Poole et al. 2023, DreamFusion)."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import NamedTuple

import torch
from PIL.Image import Image
from torch import Tensor

from synoptic import io
from synoptic.distillation.loss_defaults import losses_that_take, scene_defaults
from synoptic.distillation.loss_table import LOSSES
from synoptic.distillation.optimize import optimize
from synoptic.mesh.export_bundle import export_bundle
from synoptic.metrics.clip import Clip
from synoptic.models.base import PretrainedModel
from synoptic.models.vocabulary import vocabulary
from synoptic.nerf.contact_sheet import EIGHT_SIDES, FOUR_SIDES, contact_sheet
from synoptic.nerf.diagnostics import (
    CAPTION_TEMPLATE,
    FieldDiagnostics,
    diagnose_views,
    diagnostics_from_tensor,
    diagnostics_to_tensor,
    find_problem,
)
from synoptic.nerf.scene import RadianceScene
from synoptic.nerf.serialization import to_bytes
from synoptic.options.base import Item
from synoptic.options.text_to_3d import TextTo3DOptions
from synoptic.options.texture import TextureOptions
from synoptic.pipelines.base import NetworkCall, Pipeline, load_model, take_steps
from synoptic.pipelines.objective import loss_calls
from synoptic.pipelines.outputs import Output
from synoptic.pipelines.text_to_3d_objective import (
    build_scene,
    encode_render,
    learning_rate,
    scene_objective,
    split_generator,
)
from synoptic.pipelines.texture import TexturePipeline
from synoptic.pipelines.textured_output import TexturedOutput
from synoptic.sampling.step import Step
from synoptic.utils.counted import counted
from synoptic.utils.state_dict import add_prefix, strip_prefix

Log = Callable[[str], object]
FIELD, DIAGNOSTICS, REPORT, PAINTED = "field.safetensors", "diagnostics.json", "report.json", "painted.json"


@dataclass(frozen=True)
class SceneStep(Step):
    """A step of a scene's optimization: x and x0 are the renders (B, C, h, w) that were scored, in the model's space."""

    scene: RadianceScene | None = None

    def preview(self, item: int = 0, side: int = 48) -> Image:
        """Return the scene from four sides and from above, in colors and normals."""
        assert self.scene is not None
        return contact_sheet(self.scene, FOUR_SIDES, f"step {self.i + 1},", side)


class Start(NamedTuple):
    """The optimization of one scene from one seed, as far as it came: `state` is OptimStep's, empty at first."""

    seed: int
    state: Mapping[str, Tensor]
    history: list[FieldDiagnostics]

    @property
    def num_steps(self) -> int:
        return int(self.state["i"]) + 1 if self.state else 0

    def tensors(self, name: str) -> dict[str, Tensor]:
        """Return it as a flat table for safetensors, under this name."""
        about = {"seed": torch.tensor(self.seed), "history": diagnostics_to_tensor(self.history)}
        return add_prefix(name, about | add_prefix("state", self.state))

    @classmethod
    def from_tensors(cls, name: str, tensors: Mapping[str, Tensor]) -> Start | None:
        """Return what `tensors` put there; None where there is nothing."""
        own = strip_prefix(name, tensors)
        if not own:
            return None
        return cls(int(own["seed"]), strip_prefix("state", own), diagnostics_from_tensor(own["history"]))


class TextTo3DPipeline(Pipeline[TextTo3DOptions]):
    """Optimize a scene; of several short starts, if asked for, the best goes on. `log` is given a line now and then."""

    max_items = 1

    def __init__(self, model: PretrainedModel, options: TextTo3DOptions, log: Log = lambda line: None) -> None:
        super().__init__(model, options)
        self.log, self.defaults = log, scene_defaults(model.checkpoint)

    @property
    def num_steps(self) -> int:
        return self.options.steps + (self.options.seeds - 1) * self.options.short_steps

    @property
    def views_per_item(self) -> int:
        return self.options.batch

    def calls_at(self, i: int) -> list[NetworkCall]:
        """Return what a step asks, of the branches of `scene_objective`, and what a student asks once more to learn."""
        o, spec = self.options, LOSSES[self.options.loss]
        has_student = o.loss in losses_that_take("student")
        conditions = 2 + spec.separates(o.negative_prompt) + (o.view_guidance != 1) + 2 * o.perp_neg + has_student
        return loss_calls(o.loss, o.batch, conditions)

    @property
    def gradient_pixels(self) -> int:
        return self.options.batch * self.model.checkpoint.native_size**2

    @cached_property
    def clip(self) -> Clip:
        """The CLIP that checks scenes and chooses among starts."""
        return Clip(self.options.clip_model, self.options.device)

    def resume(self, items: Sequence[Item], state: Mapping[str, Tensor]) -> Generator[Step, None, list[Output]]:
        (item,) = items
        scores = state["scores"].tolist() if state else []
        scene, end = yield from self._best_start(item, scores, state)
        problem = find_problem(end.history, self.options.steps)
        return [self._output(item, scene, end, {item.seed + k: score for k, score in enumerate(scores)}, problem)]

    def _best_start(
        self, item: Item, scores: list[float], state: Mapping[str, Tensor]
    ) -> Generator[Step, None, tuple[RadianceScene, Start]]:
        """Optimize the start with the best CLIP score to the end; `scores` of short starts are appended as they end."""
        o = self.options
        current, best = Start.from_tensors("current", state), Start.from_tensors("best", state)
        for k in range(len(scores), o.seeds if o.seeds > 1 else 0):
            begin, current = current or Start(item.seed + k, {}, []), None
            kept = scores_tensor(scores) | (best.tensors("best") if best else {})
            _, end = yield from self._optimize(item, begin, o.short_steps, k * o.short_steps, kept)
            score = -1.0 if find_problem(end.history, o.steps) else end.history[-1].score
            self.log(f"{item.title}, seed {end.seed}: a start of {o.short_steps} steps, score {score:.2f}")
            best = end if best is None or score > max(scores) else best
            scores.append(score)
        begin = current or best or Start(item.seed, {}, [])
        return (yield from self._optimize(item, begin, o.steps, (o.seeds - 1) * o.short_steps, scores_tensor(scores)))

    def _optimize(
        self, item: Item, begin: Start, until: int, steps_before: int, kept: Mapping[str, Tensor]
    ) -> Generator[Step, None, tuple[RadianceScene, Start]]:
        """Go on to step `until`, or to where the scene has a problem.

        Steps are numbered after `steps_before`, and their states have the tensors `kept` too.
        """
        o, m, history, state = self.options, self.model, list(begin.history), begin.state
        rng = torch.Generator().manual_seed(begin.seed)
        scene = build_scene(o, self.defaults, rng).to(m.device)
        rngs = split_generator(rng, o.batch)

        def tensors(capture: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
            return {**kept, **Start(begin.seed, capture(), history).tensors("current")}

        with closing(scene_objective(o, self.defaults, m, item.title, rng)) as objective:
            for done in optimize(
                scene,
                objective.loss,
                encode_render(m),
                steps=begin.num_steps if find_problem(history, o.steps) else until,
                lr=learning_rate(o.lr, o.steps),
                rngs=rngs,
                learner=objective.learner,
                optimizer=partial(torch.optim.Adam, eps=1e-15, fused=m.device.type == "cuda"),
                state=begin.state,
            ):
                step = done.i + 1
                if step % o.preview_every == 0 or step == until:
                    history.append(diagnose_views(scene, step, self.clip, item.title))
                    self.log(f"{item.title}, seed {begin.seed}, {history[-1]}")
                i, capture = steps_before + done.i, partial(tensors, done.state)
                yield SceneStep(
                    i,
                    0,
                    done.x,
                    done.x,
                    n=self.num_steps,
                    decode=m.decode,
                    state=capture,
                    grad_norm=done.grad_norm,
                    scene=scene,
                )
                if step == until or find_problem(history, o.steps):
                    state = done.state()
                    break
        return scene, Start(begin.seed, state, history)

    def _output(
        self, item: Item, scene: RadianceScene, end: Start, scores: Mapping[int, float], problem: str | None
    ) -> Output:
        about = {"prompt": item.title, "seed": end.seed, "scores": scores}
        history = [seen.to_json() for seen in end.history]
        text = json.dumps({"problem": problem, **about, "history": history}, indent=1) + "\n"
        files = {
            FIELD: to_bytes(scene, self.options.encoding, scene.samples, about),
            DIAGNOSTICS: text,
            REPORT: partial(self._export, scene, item.title),
        }
        if self.options.retexture:
            files[PAINTED] = partial(self._retexture, item)
        last = end.history[-1]
        figures = {"opacity": last.opacity, "entropy": last.entropy, "score": last.score} if last.finite else {}
        named = {f"{item.stem}/{name}": content for name, content in files.items()}
        return Output(contact_sheet(scene, EIGHT_SIDES), named, figures)

    def _export(self, scene: RadianceScene, prompt: str, file: Path) -> None:
        """Write films, a page, a mesh and at last the report into the folder of `file`, which is the report's."""
        bundled, clips = self.model.checkpoint.is_bundled, [self.clip]
        clips += [Clip("bundled-grayscale", self.options.device)] if bundled else []
        captions = known_captions() if bundled else ()
        export_bundle(
            scene,
            file.parent,
            prompt,
            clip_models=clips,
            other_captions=captions,
            frames=self.options.frames,
            log=self.log,
        )

    def _retexture(self, item: Item, file: Path) -> None:
        """Paint the mesh in the folder of `file` as `synoptic texture` does; a field that shows nothing has none.

        Write painted.glb, .png (from eight sides), .html (a page to turn it), and last `file` (command and figures).
        """
        o, mesh = self.options, file.with_name("mesh.glb")
        if not mesh.exists():
            self.log(f"{item.title}: there is no mesh to paint")
            return
        asked = TextureOptions.from_arguments(str(mesh), item.title, seed=item.seed, device=o.device, dtype=o.dtype)
        options = asked.prepare()
        pipeline = TexturePipeline(load_model(options), options)
        views, steps = counted(pipeline.views_per_item, "view"), counted(pipeline.num_steps, "step")
        self.log(f"{item.title}: the mesh is painted, {views}, {steps}")
        (output,) = take_steps(pipeline.steps(options.items()))
        assert isinstance(output, TexturedOutput) and output.mesh is not None
        page, about = output.files[".viewer.html"], {"command": options.command(), "figures": output.figures}
        assert callable(page)
        page(file.with_suffix(".html"))
        io.save_image(file.with_suffix(".png"), output.image, about)
        io.write_whole(file.with_suffix(".glb"), output.mesh[".glb"])
        io.write_whole(file, json.dumps(about, indent=2) + "\n")
        self.log(f"painted: views agree to {output.figures['view_agreement']:.1f} dB")


def scores_tensor(scores: Sequence[float]) -> dict[str, Tensor]:
    return {"scores": torch.tensor(scores, dtype=torch.float64)}


def known_captions() -> list[str]:
    """Return a caption of every object that the bundled models know from all sides, in every color."""
    known = vocabulary()["prompts"]
    return [
        CAPTION_TEMPLATE.format(f"{'an' if color[0] in 'aeiou' else 'a'} {color} {thing}")
        for thing in known["3D objects"]
        for color in known["colors"]
    ]
