"""The options of `wide`: pictures of any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, Self

from synoptic.errors import InputError, check_multiple
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.option import UNSET, Option
from synoptic.options.prompts import PromptTravelOptions
from synoptic.options.regions import Region, mask_of, read_region
from synoptic.options.sampling import BUNDLED, MOST_PIXELS, Sync
from synoptic.options.speed import CompileOptions, SpeedOptions
from synoptic.options.syncdiffusion import SyncDiffusionOptions
from synoptic.options.wide_control import WideControlOptions


@dataclass(frozen=True, kw_only=True)
class WideOptions(PromptTravelOptions, WideControlOptions, SyncDiffusionOptions, CompileOptions, SpeedOptions):
    """Generate a picture larger than the model can: its windows are denoised together, on one canvas.

    synoptic wide "a watercolor of snowy mountains at sunrise" --width 2048
    synoptic wide "a photo of a green meadow" --region "0.5,0,1,1: a photo of a lake"
    synoptic wide "a photo of a meadow" "a photo of snowy mountains" --prompt-travel
    synoptic wide "an oil painting of a village" --control street.jpg --condition canny
    """

    GROUP = "Canvas"
    FAST_GUIDANCE_INTERVAL = (0.0, 0.8)

    width: Annotated[int, Option("pixels (default: six times the model's own size)", at_least=1, at_most=MOST_PIXELS)] = (
        UNSET
    )
    height: Annotated[int, Option("pixels (default: the model's own size)", at_least=1, at_most=MOST_PIXELS)] = UNSET
    circular: Annotated[bool, Option("close the picture: its right edge continues at the left one")] = False
    region: Annotated[
        tuple[str, ...],
        Option(
            'a part of the picture with a prompt of its own: "x0,y0,x1,y1: prompt" in pixels, or in shares of the picture'
            ' such as 0.5,0,1,1, or "mask.png: prompt", white where it counts; later ones lie on top. More may follow:'
            ' "prompt | negative prompt | guidance scale"',
            separator="",
        ),
    ] = ()
    prompt_travel: Annotated[
        bool, Option("one picture of all prompts: from the first at its left edge to the last at its right one")
    ] = False
    progressive: Annotated[
        float | None,
        Option(
            "for pictures larger than the model in both directions: sample them small first, enlarge, and repeat this share"
            " of the steps, such as 0.4, so that they show one scene (DemoFusion)",
            above=0,
            at_most=1,
        ),
    ] = None
    windows: Annotated[
        Literal["dense", "shifted", "thinning", "collage"],
        Option(
            "dense: overlapping; shifted: tiles moved at random at every step (SpotDiffusion), the fastest; thinning: from"
            " dense to shifted; collage: windows minus their overlaps (DiffCollage)"
        ),
    ] = "dense"
    stride: Annotated[
        int,
        Option(
            "from window to window, in the model's own pixels, which are latents of most (default: the model's;"
            f" {BUNDLED.stride} bundled; with --fast, and of collage, half a window); thinning begins with it, shifted has"
            " none",
            at_least=1,
        ),
    ] = UNSET
    sync: Sync = "x0"
    fast: Annotated[
        bool,
        Option(
            "half the steps by dpm++, windows half a window apart, the last fifth unguided, --deepcache 2 (unless --steps,"
            " --stride, --guidance-interval or --deepcache say otherwise)"
        ),
    ] = False
    space: Annotated[
        Literal["auto", "instance", "canonical"], Option("where the state lives: per window, on the canvas; auto: canvas")
    ] = "auto"
    weights: Annotated[
        Literal["feather", "uniform"], Option("how overlapping windows are averaged; uniform is MultiDiffusion's")
    ] = "feather"

    def texts(self) -> list[str]:
        return [*super().texts(), *(text for r in self.regions() for text in (r.prompt, r.negative_prompt))]

    def named_files(self) -> dict[str, list[str]]:
        return super().named_files() | {"region": [place for text in self.region if (place := mask_of(text))]}

    def item_options(self) -> frozenset[str]:
        return frozenset({"seed", "count"} if self.prompt_travel else {"prompt", "seed", "count"})

    def regions(self) -> list[Region]:
        """Return the parts with prompts of their own; what one does not say is the picture's."""
        return [read_region(text, self.width, self.height, self.negative_prompt, self.cfg_scale) for text in self.region]

    def guides(self, checkpoint: Checkpoint) -> bool:
        regions = self.with_guidance(checkpoint).regions()
        return super().guides(checkpoint) or any(region.guidance_scale > 1 for region in regions)

    def whole_network_reason(self) -> str:
        if self.windows in ("shifted", "thinning"):
            return f"and keeps what was at a window's place; --windows {self.windows} move"
        if self.syncdiffusion_weight:
            return "--syncdiffusion-weight needs it whole at every step"
        if self.compile:
            return "--compile needs the network whole at every step"
        return super().whole_network_reason()

    def resolve(self, checkpoint: Checkpoint) -> Self:
        self = self.with_size(checkpoint).with_windows(checkpoint)
        self = super().resolve(checkpoint)
        self.check_regions(checkpoint)
        self.check_travel()
        self.check_progressive(checkpoint)
        return self

    def with_size(self, checkpoint: Checkpoint) -> Self:
        """Return these options with width and height. Raises InputError where the model's windows cannot cover them."""
        native = checkpoint.native_size
        width, height = self.control_size(checkpoint, self.width, self.height)
        self = self.filled(width=width, height=height).filled(width=6 * native, height=native)
        for side, pixels in (("width", self.width), ("height", self.height)):
            if pixels < native:
                raise InputError(
                    f"--{side} must be at least the model's own size, {native}; {pixels} was given: raise it",
                    rule=f"{side}-native",
                )
            check_multiple(f"--{side}", pixels, checkpoint.factor, "the size of a latent")
        return self

    def with_windows(self, checkpoint: Checkpoint) -> Self:
        """Return these options with stride and space. Raises InputError where they do not go together."""
        side, windows = checkpoint.side, self.windows
        if windows == "shifted" and self.stride not in (None, side):
            raise InputError(
                f"--windows shifted are tiles side by side, --stride {self.stride} was given: omit it", rule="stride-shifted"
            )
        dense = side // 2 if self.fast else checkpoint.defaults.stride
        usual = {"dense": dense, "shifted": side, "thinning": checkpoint.defaults.stride, "collage": side // 2}
        self = self.filled(stride=usual[windows])
        if self.stride > side:
            raise InputError(
                f"--stride must be at most the window's size, {side}; {self.stride} was given: a larger one would leave"
                " gaps",
                rule="stride-gap",
            )
        if self.sync == "none" and self.space == "canonical":
            raise InputError(
                "--sync none keeps a state per window, --space canonical has only one: use --space auto", rule="sync-space"
            )
        self = self.filled(space="instance" if self.sync == "none" else "canonical")
        if windows != "dense" and (self.sync != "x0" or self.space != "canonical"):
            raise InputError(
                f"--windows {windows} have their state on the canvas and agree on x0: omit --sync and --space",
                rule="windows-sync",
            )
        if self.syncdiffusion_weight and (self.space != "canonical" or windows == "collage"):
            raise InputError(
                "--syncdiffusion-weight moves a canvas that its windows average: omit --space and --windows collage",
                rule="syncdiffusion-canvas",
            )
        if windows == "collage":
            self.check_heeded("weights", where="of windows that are averaged, those of collage are not")
            self.check_collage(checkpoint)
        return self

    def check_collage(self, checkpoint: Checkpoint) -> None:
        """Raise InputError where an overlap has a size that the network cannot halve often enough."""
        f, side, multiple = checkpoint.factor, checkpoint.side, checkpoint.downsampling
        beyond = (self.height // f - side, self.width // f - (0 if self.circular else side))
        if self.stride % multiple or any(length % multiple for length in beyond):
            raise InputError(
                f"--windows collage has overlaps of multiples of {multiple * f} pixels, as the network needs them;"
                f" {self.width}x{self.height} at --stride {self.stride} has others: choose such a size",
                rule="collage-multiple",
            )

    def check_regions(self, checkpoint: Checkpoint) -> None:
        """Raise InputError where a region is none or smaller than a latent, or its windows would lie over a graph's."""
        pixels = checkpoint.factor
        if self.progressive:  # which begins with a canvas whose short side is the model's own
            pixels = max(pixels, round(pixels * min(self.width, self.height) / checkpoint.native_size))
        for text, region in zip(self.region, self.regions(), strict=True):
            if not region.covers(self.width // pixels, self.height // pixels):
                raise InputError(
                    f"a region holds at least one square of {pixels}x{pixels} pixels, {text!r} holds none: enlarge it",
                    rule="region-box",
                )
        if self.regions() and self.windows == "collage":
            raise InputError(
                "--region lays windows over windows, --windows collage has a graph of its own: omit one",
                rule="region-collage",
            )

    def check_progressive(self, checkpoint: Checkpoint) -> None:
        """Raise InputError where a picture that is sampled small first would not grow, or has been given already."""
        if self.progressive and self.control is not None:
            raise InputError(
                "--progressive samples the picture small first, --control has said what is where: omit one",
                rule="progressive-control",
            )
        short = min(self.width, self.height)
        if self.progressive and (short <= checkpoint.native_size or self.space != "canonical"):
            raise InputError(
                f"--progressive enlarges a canvas whose short side is above the model's own, {checkpoint.native_size}; it is"
                f" {short}, --space {self.space}: enlarge it, or omit --progressive",
                rule="progressive-size",
            )
