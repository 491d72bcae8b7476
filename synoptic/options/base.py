"""Options: what a user may ask of one application, as a frozen dataclass that checks itself and can write itself down."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Self, get_args, get_type_hints

from synoptic.errors import InputError, user_path
from synoptic.models.checkpoint import Checkpoint
from synoptic.models.local_cache import file_hash, joint_hash
from synoptic.models.local_weights import local_files
from synoptic.options.option import OptionSpec
from synoptic.options.renamed import unknown_option
from synoptic.utils.picture import is_file, picture_hash

if TYPE_CHECKING:
    from synoptic.options.pretrained_model import ModelOptions


class Item(NamedTuple):
    """One picture to make: its prompts (several where they share it), its seed, and its file's name without ending."""

    prompts: tuple[str, ...]
    seed: int
    stem: str

    @property
    def title(self) -> str:
        return " | ".join(self.prompts)


@dataclass(frozen=True, kw_only=True)
class Options:
    """The base of every application's options. Fields are `Annotated[type, Option(...)]`; mixins name a help `GROUP`."""

    GROUP: ClassVar[str] = "Options"

    def __post_init__(self) -> None:
        for spec in self.specs():
            object.__setattr__(self, spec.name, spec.checked(getattr(self, spec.name)))

    @classmethod
    def application(cls) -> str:
        """Return the application's name in Python, which is that of the module: `text_to_3d`."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def command_name(cls) -> str:
        """Return the application's name on the command line: `text-to-3d`."""
        return cls.application().replace("_", "-")

    @classmethod
    def from_arguments(cls, *values: object, **named: object) -> Self:
        """Return the options of a call: positional values in order, the last of which may be a list, then names."""
        known = cls.specs()
        places = [spec for spec in known if spec.option.positional]
        if len(values) > len(places):
            last = places[-1] if places else None
            if last is None or not last.is_list:
                raise InputError(
                    f"{cls.application()} takes {len(places)} values without a name, {len(values)} were given: name the"
                    " others",
                    rule="positional-count",
                )
            values = (*values[: len(places) - 1], values[len(places) - 1 :])
        given = {spec.name: value for spec, value in zip(places, values, strict=False)}
        if twice := given.keys() & named.keys():
            raise InputError(f"{min(twice)} was given twice, in its place and by name: keep one", rule="given-twice")
        given |= named
        names = {spec.name: spec for spec in known}
        if unknown := given.keys() - names.keys():
            raise InputError(unknown_option(cls.application(), min(unknown), list(names)), rule="unknown-option")
        absent = [spec for spec in known if spec.default is MISSING and spec.name not in given]
        if missing := [f"{spec.flag} ({spec.option.help})" for spec in absent]:
            raise InputError(f"{cls.command_name()} needs {' and '.join(missing)}: give it", rule="missing-option")
        return cls(**given)

    @classmethod
    @cache
    def specs(cls) -> tuple[OptionSpec, ...]:
        """Return every option: its own first, then those of its mixins."""
        hints = get_type_hints(cls, include_extras=True)
        declares = {name: [c for c in cls.__mro__ if name in getattr(c, "__annotations__", {})] for name in hints}
        found = []
        for field in sorted(fields(cls), key=lambda field: cls.__mro__.index(declares[field.name][0])):
            kind, option = get_args(hints[field.name])
            group = "Input" if option.positional else vars(declares[field.name][-1]).get("GROUP", "Options")
            found.append(OptionSpec(field.name, kind, option, field.default, group))
        return tuple(found)

    def title(self) -> str:
        """Return what a folder of this run is named after."""
        items = self.items()
        return items[0].prompts[0] if items else self.application()

    def filled(self, **defaults: object) -> Self:
        """Return new options with these values where nothing, or auto, was given."""
        return replace(self, **{name: value for name, value in defaults.items() if getattr(self, name) in (None, "auto")})

    def resolve(self, checkpoint: Checkpoint) -> Self:
        """Return new options with every default filled in for this model. Raises InputError on a broken rule."""
        return self

    def prepare(self) -> Self:
        """Return the options ready for work: `resolve` with the model that they name. Raises InputError."""
        return self

    def items(self) -> list[Item]:
        """Return the pictures that are asked for; none where an application makes something else."""
        return []

    def item_seeds(self) -> Sequence[int]:
        """Return the seed of each picture of a prompt."""
        return []

    def warnings(self) -> list[str]:
        """Return what a person should know before the work begins."""
        return []

    def items_of(self, seeds: Sequence[int]) -> list[Item]:
        """Return the pictures of these seeds in place of those of --seed and --count."""
        raise NotImplementedError

    def item_options(self) -> frozenset[str]:
        """Return the names of the options that only the items carry: runs that differ in them alone can share calls."""
        return frozenset()

    def check_heeded(self, *names: str, where: str) -> None:
        """Raise InputError where one of these options is given though nothing heeds it; `where` says what would."""
        for spec in self.specs():
            value = getattr(self, spec.name)
            if spec.name in names and value not in (spec.default, None):
                flag = f"--no-{spec.flag[2:]}" if value is False else spec.flag
                shown = ",".join(map(str, value)) if isinstance(value, tuple) else value
                said = "" if isinstance(value, bool) else f", {shown} was given"
                raise InputError(f"{flag} is {where}{said}: omit it", rule="option-unheeded")

    def variants(self) -> Mapping[str, ModelOptions]:
        """Return {folder: options} where several runs are asked for at once; {} for one run."""
        return {}

    def named_files(self) -> dict[str, list[str]]:
        """Return the files that texts of options name, by the options' names: a run depends on what they hold."""
        return {}

    def input_files(self) -> dict[str, list[Path]]:
        """Return every file of this machine that a run depends on, by the names of the options that name it."""
        found: dict[str, list[Path]] = {}
        for spec in self.specs():
            value = getattr(self, spec.name)
            if spec.option.picture and isinstance(value, str) and is_file(value):
                found[spec.name] = [user_path(value)]
            elif kind := spec.option.weights:
                names = value if isinstance(value, tuple) else (value,)
                found[spec.name] = [file for name in names if isinstance(name, str) for file in local_files(name, kind)]
        for name, files in self.named_files().items():
            found[name] = [file for file in map(user_path, files) if file.is_file()]
        return {name: files for name, files in found.items() if files}

    def input_hashes(self) -> dict[str, object]:
        """Return the hashes of what a run depends on beside its options: files, and pictures in memory."""
        several = self.named_files()
        found: dict[str, object] = {
            f"{name}_sha256": [file_hash(file) for file in files] if name in several else joint_hash(files)
            for name, files in self.input_files().items()
        }
        pictures = {spec.name: getattr(self, spec.name) for spec in self.specs() if spec.option.picture}
        return found | {f"{name}_sha256": picture_hash(value) for name, value in pictures.items() if not plain(value)}

    def to_json(self) -> dict[str, object]:
        """Return the recorded options as JSON has them; of a picture its path, where it has one, and hashes of files."""
        values = {spec.name: getattr(self, spec.name) for spec in self.specs() if spec.option.recorded}
        found = {
            name: list(value) if isinstance(value, tuple) else value if plain(value) else None
            for name, value in values.items()
        }
        return found | self.input_hashes()

    def command(self) -> str:
        """Return the command line that gives the recorded options again: those that differ from their default."""
        places: list[str] = []
        words = ["synoptic", self.command_name()]
        for spec in self.specs():
            value = getattr(self, spec.name)
            if value == spec.default or value is None or not spec.option.recorded:
                continue
            value = value if plain(value) else spec.name.upper()  # a picture without a file has no name but this
            if spec.option.positional:
                places += [str(v) for v in value] if isinstance(value, tuple) else [str(value)]
            elif isinstance(value, bool):
                words.append(spec.flag if value else f"--no-{spec.flag[2:]}")
            elif isinstance(value, tuple) and spec.option.separator:
                words += [f"{spec.flag}={spec.option.separator.join(escape(str(v)) for v in value)}"]
            else:
                words += [f"{spec.flag}={v}" for v in (value if isinstance(value, tuple) else (value,))]
        return shlex.join([*words, *(["--"] if any(p.startswith("-") for p in places) else []), *places])


def plain(value: object) -> bool:
    """Return whether a value is written as it is: any but a PIL image."""
    return value is None or isinstance(value, bool | int | float | str | tuple)


def escape(value: str) -> str:
    return value.replace(",", "\\,")


def split_list(text: str) -> list[str]:
    """Return the values between commas, without the blanks around them; a comma behind a backslash belongs to its value."""
    return [part.strip().replace("\\,", ",") for part in re.split(r"(?<!\\),", text)]
