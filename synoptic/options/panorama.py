"""The options of `panorama`: a whole sphere."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Annotated, Self

from synoptic.errors import InputError
from synoptic.models.checkpoint import Checkpoint
from synoptic.options.init_panorama import InitPanoramaOptions
from synoptic.options.option import UNSET, Option
from synoptic.options.panorama_depth import PanoramaDepthOptions
from synoptic.options.prompts import PromptTravelOptions
from synoptic.options.regions import SphereRegion, read_sphere_region
from synoptic.options.sampling import SamplingOptions, Sync
from synoptic.utils.picture import PictureSource, read_picture
from synoptic.views.directions import MAX_VIEWS, MIN_VIEWS, Direction, spread_directions

HEIGHT_MULTIPLE = 64  # of the height that is chosen for a person
HORIZON_FIRST, PIXELS_FROM = 0.9, 0.5  # shares of the steps
FAR = 40.0  # degrees from the horizon from which on a part with a prompt of its own is of the sky or the ground
OWN_WORDS_FROM = 0.3  # at the latest, where sky or ground have words of their own


@dataclass(frozen=True, kw_only=True)
class PanoramaOptions(PromptTravelOptions, InitPanoramaOptions, PanoramaDepthOptions, SamplingOptions):
    """Generate a whole sphere: views in all directions, denoised together, as a 360 degree panorama.

    synoptic panorama "a photo of desert dunes"
    synoptic panorama "a photo of a beach at sunset" --seed 3 --open
    synoptic panorama "a photo of a green meadow" --region "60,-30,-60,30: a photo of snowy mountains"
    synoptic panorama "a photo of the ocean" "a photo of a beach" --prompt-travel
    synoptic panorama "a photo of snowy mountains" --depth valley.npy
    synoptic panorama "an oil painting of a beach" --init-panorama beach.png --strength 0.5
    """

    GROUP = "Canvas"

    height: Annotated[
        int,
        Option(
            "pixels; the width is twice that (default: that of --init-panorama, or as fine as the views are)",
            at_least=32,
            at_most=8192,
        ),
    ] = UNSET
    num_views: Annotated[
        int, Option("pictures in all directions, of which the panorama is made", at_least=MIN_VIEWS, at_most=MAX_VIEWS)
    ] = 18
    fov: Annotated[float, Option("a view's field of view in degrees", at_least=30, at_most=110)] = 80.0
    prompt_up: Annotated[str | None, Option("what to show above the horizon, such as: a photo of the sky")] = None
    prompt_down: Annotated[str | None, Option("what to show below the horizon")] = None
    region: Annotated[
        tuple[str, ...],
        Option(
            'directions with a prompt of their own: "az0,el0,az1,el1: prompt" in degrees; azimuth 0 is in the middle, to the'
            " right positive, elevation up; az0 > az1 goes over the back; later ones lie on top",
            separator="",
        ),
    ] = ()
    prompt_travel: Annotated[
        bool, Option("one panorama of all prompts: from the first in front to the right, and around to it again")
    ] = False
    horizon_first: Annotated[
        float,
        Option(
            "share of the steps in which the horizon's views alone say what is where, and sky and ground are their smooth"
            f" continuation; sky and ground with words of their own, only until {OWN_WORDS_FROM:g}; 0: all views from the"
            f" start (default: {HORIZON_FIRST:g}; of --init-panorama 0)",
            at_least=0,
            at_most=1,
        ),
    ] = UNSET
    pixels_from: Annotated[
        float,
        Option(
            "of latent models: share of the steps from which views agree in pixels, and not in latents, which cannot be"
            f" turned; 1: never (default: {PIXELS_FROM:g})",
            at_least=0,
            at_most=1,
        ),
    ] = UNSET
    photo: Annotated[
        PictureSource | None, Option("a photograph that is placed in front and continued all around", picture=True)
    ] = None
    photo_fov: Annotated[float, Option("of --photo: degrees that it shows from left to right", at_least=10, at_most=110)] = (
        60.0
    )
    sync: Sync = "x0"

    def texts(self) -> list[str]:
        own = [self.prompt_up, self.prompt_down, *(region.prompt for region in self.regions())]
        return [*super().texts(), *(text for text in own if text is not None)]

    def regions(self) -> list[SphereRegion]:
        """Return the parts with prompts of their own."""
        return [read_sphere_region(text) for text in self.region]

    def directions(self) -> tuple[Direction, ...]:
        """Return where the views look."""
        return spread_directions(self.num_views)

    def begin_share(self, direction: Direction) -> float:
        """Return the share of the steps after which a view in this direction takes part: 0 at the horizon."""
        if direction.elevation == 0:
            return 0.0
        above = direction.elevation > 0
        own = self.prompt_up if above else self.prompt_down
        away = any(region.bottom >= FAR if above else region.top <= -FAR for region in self.regions())
        return min(self.horizon_first, OWN_WORDS_FROM if own is not None or away else 1.0)

    def resolve(self, checkpoint: Checkpoint) -> Self:
        in_pixels = checkpoint.factor > 1 and self.sync == "x0" and not self.adds_noise
        usual_pixels = PIXELS_FROM if self.kept_by is None else 0.0  # what stays are pixels
        leads = self.sync == "x0" and self.init_panorama is None  # which shows what is above and below
        if self.height is None:
            self = replace(self, height=self.init_height() or self.usual_height(checkpoint))
        self = self.filled(horizon_first=HORIZON_FIRST if leads else 0.0, pixels_from=usual_pixels if in_pixels else 1.0)
        if self.pixels_from < 1 and not in_pixels:
            raise InputError(
                "--pixels-from needs latents that agree on x0 and steps that add no noise,"
                f" --sync {self.sync} --sampler {self.sampler} --eta {self.eta:g} of {checkpoint.name} were given: omit it",
                rule="pixels-from",
            )
        self.check_views()
        self.check_regions(checkpoint)
        self.check_kept(checkpoint)
        return super().resolve(checkpoint)

    def check_regions(self, checkpoint: Checkpoint) -> None:
        """Raise InputError where a region is none or spans less than a latent of a view."""
        least = self.fov / checkpoint.side
        for text, region in zip(self.region, self.regions(), strict=True):
            if min((region.right - region.left) % 360, region.top - region.bottom) < least:
                raise InputError(
                    f"a region of a sphere spans at least {least:.3g} degrees each way, a latent of a view, {text!r} does"
                    " not: enlarge it (degrees, not shares)",
                    rule="region-box",
                )

    def usual_height(self, checkpoint: Checkpoint) -> int:
        """Return pi s / (2 tan(fov / 2)), where a pixel is as large as in the middle of a native view, rounded up."""
        height = math.pi * checkpoint.native_size / math.tan(math.radians(self.fov) / 2) / 2
        return HEIGHT_MULTIPLE * math.ceil(height / HEIGHT_MULTIPLE)

    def check_views(self) -> None:
        """Raise InputError where the views do not see all, and where what is asked of them does not go together."""
        if self.height % 2:
            raise InputError(
                f"--height must be even, so that a cube map has faces of half of it; {self.height} was given: add one",
                rule="height-even",
            )
        directions = self.directions()
        seen = import_module("synoptic.views.sphere_coverage").coverage(directions, self.fov).seen
        if seen < 1:
            raise InputError(
                f"the views must see the whole sphere, {self.num_views} of {self.fov:g} degrees leave gaps"
                f" ({1 - seen:.2%}): raise --num-views or --fov",
                rule="sphere-coverage",
            )
        around = sum(direction.elevation == 0 for direction in directions)
        if self.horizon_first and 360 / around >= self.fov:
            raise InputError(
                f"--horizon-first needs views that overlap on the horizon, {around} of {self.fov:g} degrees do not: raise"
                " --num-views or --fov, or give 0",
                rule="horizon-gaps",
            )
        if self.horizon_first and self.sync != "x0":
            raise InputError(
                f"--horizon-first continues x0 to the poles, --sync {self.sync} was given: omit one", rule="horizon-sync"
            )
        self.check_travel()

    @property
    def kept_by(self) -> str | None:
        """The option of which some pixels stay as they are, if any."""
        return "--photo" if self.photo is not None else "--mask" if self.mask is not None else None

    def check_kept(self, checkpoint: Checkpoint) -> None:
        """Raise InputError where what there is already is no picture, does not go together, or cannot be kept."""
        height = self.init_height()
        if self.photo is None:
            self.check_heeded("photo_fov", where="of --photo, which is none")
        else:
            read_picture(self.photo)
        if height is not None and self.photo is not None:
            raise InputError(
                "--photo is continued all around, --init-panorama is all around already: omit one",
                rule="init-panorama-photo",
            )
        if height is not None and self.horizon_first:
            raise InputError(
                f"--horizon-first says what is above and below by the horizon, --init-panorama shows it,"
                f" {self.horizon_first:g} was given: omit it",
                rule="init-panorama-horizon",
            )
        if self.mask is not None and height != self.height:
            raise InputError(
                f"what a mask keeps stays as large as it is, --height must be {height}, {self.height} was given: omit it",
                rule="init-panorama-size",
            )
        if self.kept_by and (self.sync != "x0" or (checkpoint.factor > 1 and self.pixels_from > 0)):
            raise InputError(
                f"what stays is clean pixels: {self.kept_by} needs --sync x0, --pixels-from 0 and steps that add no noise,"
                f" --sync {self.sync} --pixels-from {self.pixels_from:g} were given: omit them, and"
                " take --sampler ddim or dpm++ without --eta",
                rule=f"{self.kept_by[2:]}-sync",
            )
