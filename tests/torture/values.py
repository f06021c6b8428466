"""Odd values for every public function, every field of a ``Run`` and every option of the command line.

Each call must end well, or in an InputError or ValueError that names the argument, or in a FloatingPointError that names lr. What
is promised: for a Python function, any value of the annotated type, whatever its size, shape or dtype. For a ``Run`` and the
command line: any value at all, because it may come from a file, a notebook or a shell.
"""

import contextlib
import inspect
import io
import math
import os
import re
import resource
import signal
import tempfile
import typing
import warnings
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from jobs import SMALL, prepare

import bgnb
from bgnb import cli
from bgnb.settings import PRESETS

ROOM = 4 * 2**30  # bytes that a call may take on top of what is loaded
SECONDS = 30  # of the processor that a call on four tiny pictures may take
KINDS = ("fields of Run", "Python, values of the right type", "Python, values of a wrong type", "command line")
FINE = ("fine", "refused", "TypeError")  # the last for values of a wrong type only, AttributeErrors included


class TooLong(BaseException):
    """A call takes too long. No command may take this for an error of its own."""


# ---- odd values, by the type that a function asks for ----

NUMBERS = [math.nan, math.inf, -math.inf, -1.0, 0.0, -0.0, 5e-324, 1e-30, 0.5, 1.0, 1e30, np.float32(0.5), np.float64("nan")]
WHOLES = [-1, 0, 1, 2, 3, 10**20, -(10**20), 2**31, 2**63, np.int64(3)]
TEXTS = ["", "odd", " ", "a\nb", "x" * 300, "\0", "猫", "../..", "None", "nan"]
BOOLS = [True, False]
ANYTHING = [None, "", "odd", 3.5, -1, [], {}, (), object(), math.nan, [None], {"a": 1}, b"x", 1j, True]
TENSORS = [
    torch.zeros(()),
    torch.zeros(0),
    torch.zeros(3),
    torch.zeros(2, 3),
    torch.zeros(2, 0, 0),
    torch.zeros(0, 32, 32),
    torch.zeros(2, 32, 32),
    torch.zeros(2, 31, 32),
    torch.zeros(2, 3, 32, 32),
    torch.zeros(2, 4, 32, 32, dtype=torch.uint8),
    torch.zeros(0, 3, 32, 32, dtype=torch.uint8),
    torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
    torch.zeros(2, 3, 32, 32, dtype=torch.uint8),
    torch.full((2, 32, 32), math.nan),
    torch.full((2, 32, 32), math.inf),
    torch.full((2, 32, 32), -1.0),
    torch.full((2, 3, 32, 32), math.nan),
    torch.ones(2, 32, 32, dtype=torch.bool),
    torch.ones(2, 32, 32, dtype=torch.int64),
    torch.ones(2, 32, 32, dtype=torch.float64),
    torch.ones(2, 3, 3, dtype=torch.complex64),
    torch.full((2, 3, 3), math.nan),
]
SEQUENCES = [[], [math.nan], [0.5, 0.5], [1.0, 0.0], [math.inf, 1.0], [-1.0], [0.1] * 1000, (0.5,), np.zeros((2, 2)), np.zeros(0)]


def pictures(targets=4, backgrounds=4, side=32, masks=True) -> bgnb.ImageSet:
    """Noise with a square target."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (targets + backgrounds, 3, side, side), dtype=torch.uint8, generator=generator)
    inside = torch.zeros(targets, side, side, dtype=torch.bool)
    inside[:, 8:24, 8:24] = True
    return bgnb.ImageSet(noise[:targets], inside if masks else None, noise[targets:])


def odd_pictures() -> list[Callable]:
    """Functions that make image sets; some of them must be refused when they are made."""
    whole, floats = pictures(), torch.zeros(4, 3, 32, 32)
    return [
        lambda: pictures(0),
        lambda: pictures(4, 0),
        lambda: pictures(1, 1, 16),
        lambda: pictures(2, 2, 8),
        lambda: pictures(masks=False),
        lambda: bgnb.ImageSet(floats, None, floats),
        lambda: bgnb.ImageSet(whole.targets, whole.masks[:1], whole.backgrounds),
        lambda: bgnb.ImageSet(whole.targets, whole.masks.float(), whole.backgrounds),
        lambda: bgnb.ImageSet(whole.targets, None, whole.backgrounds[..., :16]),
        lambda: bgnb.ImageSet(whole.targets[:, :1], None, whole.backgrounds[:, :1]),
        lambda: bgnb.ImageSet(whole.targets[0], None, whole.backgrounds[0]),
        lambda: bgnb.ImageSet(whole.targets, torch.zeros_like(whole.masks), whole.backgrounds),
    ]


def odd_runs(folder: Path) -> list[bgnb.Run]:
    base = bgnb.Run(source=str(folder), size=32, patch=16, epochs=1, images=4)
    changes = [
        dict(patch=32),
        dict(size=64, patch=48),
        dict(stride=1),
        dict(stride=16),
        dict(overlap="add"),
        dict(method="cam"),
        dict(lr=1e9),
    ]
    changes += [
        dict(batch=2),
        dict(per_image=1, batch=5),
        dict(ratio=0.001),
        dict(ratio=20),
        dict(precision="bf16"),
        dict(background_weight=1e6),
    ]
    changes += [dict(preset=preset) for preset in PRESETS] + [
        dict(method="cutmix", batch=3),
        dict(device="odd"),
        dict(weights="odd"),
    ]
    return [replace(base, **change) for change in changes]


def odd_models() -> list:
    return [
        bgnb.build("tiny", 16).train(),
        bgnb.build("tiny", 16, image_level=True),
        bgnb.build("tiny", 24),
        bgnb.build("tiny", 32),
    ]


def odd_files(folder: Path) -> list:
    (folder / "garbage.safetensors").write_bytes(b"garbage")
    return ["", "odd", "a\nb", "x" * 300, str(folder), folder / "garbage.safetensors", folder / "nothing/at/all"]


# ---- Python ----

CONTAINERS = (bgnb.InputError, bgnb.LocAcc, bgnb.Patches, bgnb.Result, bgnb.Run)  # these only hold what they are given
LEFT_OUT = {"on_epoch", "download", "kwargs", "dials"}  # a function; what fetches gigabytes; what is passed on
PARTS = {  # an argument that consists of others: a message may name those
    "imageset": [field.name for field in fields(bgnb.ImageSet)] + ["size", "patch"],
    "run": [field.name for field in fields(bgnb.Run)] + ["scores"],
    "model": ["network", "mode", "weights"],
    "generator": ["seed"],
    "values": ["scores"],
    "size": ["patch", "images", "length"],
    "targets": ["masks", "backgrounds"],
}


def base(folder: Path) -> dict:
    """A good value for every argument that has no default, by its name."""
    whole = pictures()
    maps = torch.rand(4, 32, 32, generator=torch.Generator().manual_seed(0))
    patches = bgnb.sample_patches(whole, 16)
    return {
        "imageset": whole, "run": bgnb.Run(source=str(folder), size=32, patch=16, epochs=1, images=4),
        "model": bgnb.build("tiny", 16),
        "targets": whole.targets, "backgrounds": whole.backgrounds, "images": whole.targets, "maps": maps, "masks": whole.masks,
        "scores": torch.full((4, 3, 3), 0.5), "values": torch.full((4, 3, 3), 0.5), "patches": patches, "label": patches.label,
        "target_fraction": patches.target_fraction, "ratio": 1.0, "pi": 0.3, "net": "tiny", "patch": 16, "stride": 8, "size": 32,
        "length": 32, "items": [1, 2], "title": "title",
    }  # fmt: skip


# Where an argument of the same name is another thing, or its default is too slow.
SPECIAL = {
    "bootstrap_interval": {"values": [0.0, 1.0, 1.0]},
    "bootstrap_over_seeds": {"values": np.eye(3), "draws": 50},
    "load": {"size": 32, "images": 3},
    "measure": {"progress": False, "cache": False},
    "fit": {"progress": False},
    "trained": {"progress": False},
    "score_windows": {"patch": 16},
    "sample_patches": {"size": 16},
    "colour_distance": {"patch": 16},
    "kind_scores": {"count": 8},
    "progress_bar": {"progress": False},
}


def pool(annotation, folder: Path, given: Path) -> list:
    """Odd values of an annotated type. Files are made in ``folder``; ``given`` holds good photos."""
    if typing.get_origin(annotation) in (typing.Union, type(int | None)):
        return [value for part in typing.get_args(annotation) for value in pool(part, folder, given)]
    if typing.get_origin(annotation) is tuple:
        return [(-1, 32), (32, 0), (32, 31), (10**20, 32), (33, 40)]
    origin = typing.get_origin(annotation) or annotation
    made = {
        int: WHOLES, float: NUMBERS + WHOLES, str: TEXTS, bool: BOOLS, type(None): [None], torch.Tensor: TENSORS,
        np.ndarray: SEQUENCES, Sequence: SEQUENCES, torch.Generator: [torch.Generator()],
    }  # fmt: skip
    if origin is Sequence and typing.get_args(annotation)[0] is torch.Tensor:
        return [[], [TENSORS[-1]], TENSORS[:3]]
    if origin is Sequence and typing.get_args(annotation)[0] is np.ndarray:
        return [[], [np.zeros((2, 3)), np.zeros(3)], [np.zeros((2, 3)), np.zeros((1, 1))]]
    if origin in made:
        return made[origin]
    return {
        Path: lambda: odd_files(folder), bgnb.ImageSet: odd_pictures, bgnb.Run: lambda: odd_runs(given), bgnb.Patches: lambda: [],
        type(bgnb.build("tiny", 16)): odd_models,
    }.get(origin, lambda: [])()  # fmt: skip


def functions() -> dict[str, Callable]:
    """Every public function, and the classes that check what they are given."""
    found = {name: getattr(bgnb, name) for name in bgnb.__all__}
    return {name: f for name, f in found.items() if f not in CONTAINERS and inspect.signature(f).parameters}


def call(name: str, function: Callable, arguments: dict, odd: list[str], right: bool = True) -> str:
    """Call a function: "fine", "refused", "TypeError" (for a wrong type), or what is wrong with the way it ended."""
    shown = f"{name}({', '.join(f'{key}={show(arguments[key])}' for key in odd)})"
    named = {part for key in odd for part in (key, *PARTS.get(key, []))}
    try:
        with limits(), warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            result = function(**arguments)
    except FloatingPointError as error:
        return "refused" if "lr" in str(error) else f"{shown}: FloatingPointError: {error}"
    except (ValueError, OSError) as error:  # of OSErrors, those that name the file
        words = str(error)
        if any(re.search(rf"\b{part}", words) for part in named) or (
            odd and any(str(arguments[key]) in words or repr(arguments[key]) in words for key in odd)
        ):
            return "refused"
        return f"{shown}: names no argument: {type(error).__name__}: {words[:100]}"
    except TooLong:
        return f"{shown}: takes more than {SECONDS} s"
    except Exception as error:
        if isinstance(error, TypeError | AttributeError) and not right:
            return "TypeError"
        return f"{shown}: {type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}"
    given = any(is_nan(arguments[key]) for key in odd)  # no number in, no number out
    if name != "noise_rate" and not given and isinstance(result, float | torch.Tensor | np.ndarray | tuple) and is_nan(result):
        return f"{shown}: returns a number that is none (NaN)"
    return "fine"


def is_nan(result) -> bool:
    try:
        return bool(np.isnan(np.asarray(result, float)).any())
    except (TypeError, ValueError):
        return False


def show(value) -> str:
    if isinstance(value, torch.Tensor | np.ndarray):
        return f"{str(value.dtype).removeprefix('torch.')}{tuple(value.shape)}"
    if isinstance(value, bgnb.ImageSet):
        return f"ImageSet({show(value.targets)}, {show(value.masks)}, {show(value.backgrounds)})"
    if isinstance(value, bgnb.Run):
        default = bgnb.Run(size=32, patch=16, epochs=1)
        return (
            "Run("
            + ", ".join(
                f"{f.name}={getattr(value, f.name)!r}"
                for f in fields(value)
                if getattr(value, f.name) != getattr(default, f.name)
            )
            + ")"
        )
    return repr(value)[:60]


@contextlib.contextmanager
def limits():
    """A call that takes too long is cut off, and one that asks for too much memory gets none."""

    def stop(number, frame):
        raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    room = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + ROOM, room[1]))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, room)


def many(count: int, number: int, one: Callable) -> None:
    """Call ``one(data)`` with ``count`` examples of hypothesis: the same ones for the same ``number``."""
    strict = dict(database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    seed(number)(settings(max_examples=count, **strict)(given(st.data())(one)))()


def in_python(right: bool, count: int, number: int, folder: Path) -> list[str]:
    """Odd values, of the right type or not, for all public functions."""
    good, outcomes, every = base(folder), [], functions()
    hints = {name: typing.get_type_hints(f.__init__ if inspect.isclass(f) else f) for name, f in every.items()}
    pools = {}

    def one(data):
        name = data.draw(st.sampled_from(sorted(every)))
        parameters = [p for p in inspect.signature(every[name]).parameters.values() if p.name not in LEFT_OUT]
        arguments = {p.name: good[p.name] for p in parameters if p.default is p.empty} | SPECIAL.get(name, {})
        odd = data.draw(st.lists(st.sampled_from([p.name for p in parameters]), min_size=1, max_size=2, unique=True))
        for key in list(odd):
            if (name, key) not in pools:
                pools[name, key] = pool(hints[name][key], Path(tempfile.mkdtemp(dir=folder)), folder) if right else ANYTHING
            if not pools[name, key]:
                odd.remove(key)
                continue
            value = data.draw(st.sampled_from(pools[name, key]))
            try:
                arguments[key] = value() if callable(value) and hints[name].get(key) is bgnb.ImageSet and right else value
            except ValueError:  # the set itself was refused
                outcomes.append("refused")
                return
            except Exception as error:
                outcomes.append(f"ImageSet: {type(error).__name__}: {error}")
                return
        outcomes.append(call(name, every[name], arguments, odd, right))

    many(count, number, one)
    return outcomes


def of_runs(count: int, number: int, folder: Path) -> list[str]:
    """Odd values for one or two fields of a Run."""
    outcomes, names = [], [field.name for field in fields(bgnb.Run)]

    def one(data):
        odd = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        values = st.sampled_from(NUMBERS + WHOLES + TEXTS + ANYTHING) | st.floats() | st.integers() | st.text(max_size=5)
        arguments = {name: data.draw(values) for name in odd}

        def use(**given):
            run = bgnb.Run(**given).resolved()
            return run.epochs_run, run.image_level, run.load_arguments(), hash(run)

        outcomes.append(call("Run", use, arguments, odd))

    many(count, number, one)
    return outcomes


# ---- the command line ----

WORDS = ["", "odd", "nan", "inf", "-inf", "-1", "0", "1e30", "9" * 20, "1.5", "None", "True"]
WORDS += ["x" * 300, "a\nb", "猫", "../..", "\udcff", "--"]
WORDS += ["nothing.json", "folder", "garbage"]


def commands(folder: Path) -> dict[str, list[str]]:
    """For each command that ends soon, words with which it ends well."""
    photos = ["--targets", str(folder / "targets/cat"), "--backgrounds", str(folder / "backgrounds/forest")]
    return {
        "run": ["--source", str(folder), *SMALL, "--epochs", "1", "--json", "run.json"],
        "extract": [*photos, *SMALL, "--epochs", "1", "--out", "cats", "--anyway"],
        "sweep": ["longer", "--out", "longer.jsonl"],  # which holds its results already
        "claims": ["--results", "results", "--json", "claims.json"],
        "beside": ["longer.jsonl", "longer.jsonl"],
        "rerun": ["garbage"],
        "scenes": ["--out", "sheets"],
        "classroom": [str(folder)],
        "pages": ["folder"],
        "times": ["folder"],
    }


STORED = Path(__file__).parents[2] / "docs/results/longer.jsonl"
SLOW = {"serve", "live", "scheduler", "ceilings"}  # wait for visitors, for a cluster, or train another network


def shell(words: list[str]) -> tuple[int, str]:
    """``bgnb`` with these words, in this process: its status, and what it said on standard error."""
    said = io.StringIO()
    status = 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()), limits(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            cli.main(words)
        except SystemExit as end:
            status = end.code or 0
    return status, said.getvalue()


def options(command: str) -> list[str]:
    """All options that the help of a command names."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.suppress(SystemExit):
        cli.main([command, "--help"])
    found = re.findall(r"^\W*(?:-\w, )?--([a-z][a-z-]*)", told.getvalue(), flags=re.MULTILINE)
    return sorted({name for name in found if name not in SLOW and name != "help"})


def in_shell(count: int, number: int, folder: Path) -> list[str]:
    """Odd values for one or two options of every command."""
    outcomes, every = [], commands(folder)
    known = {command: options(command) for command in every}
    here, home = Path.cwd(), Path(tempfile.mkdtemp(dir=folder)) / "a" / "b" / "c"  # deep, because some go up
    (home / "folder").mkdir(parents=True)
    (home / "results").mkdir()
    (home / "garbage").write_bytes(b"\xffgarbage")
    os.environ["BGNB_PHOTOS"] = str(folder)

    def one(data):
        command = data.draw(st.sampled_from(sorted(every)))
        odd = data.draw(st.lists(st.sampled_from(known[command]), min_size=1, max_size=2, unique=True)) if known[command] else []
        values = {name: data.draw(st.sampled_from(WORDS)) for name in odd}
        (home / "longer.jsonl").write_bytes(STORED.read_bytes())
        outcomes.append(in_one_line(command, every[command], values))

    os.chdir(home)
    try:
        many(count, number, one)
    finally:
        os.chdir(here)
    return outcomes


def in_one_line(command: str, good: list[str], values: dict[str, str]) -> str:
    """Run a command with odd options: "fine", "refused", or what is wrong with the way it ended."""
    odd = [word for name, value in values.items() for word in (f"--{name}", value)]
    shown = " ".join([command, *(repr(word)[:40] for word in odd)])
    try:
        status, said = shell([command, *good, *odd])
    except BaseException as error:
        return f"bgnb {shown}: {type(error).__name__}: {str(error)[:100]}"
    lines = [line for line in said.replace("\r", "\n").splitlines() if line.startswith("bgnb: ")]
    if status == 0:
        return "fine"
    if status != 2:
        return f"bgnb {shown}: status {status}: {said[-100:]}"
    named = [*values, *(name.replace("-", "_") for name in values)]
    named += [" ".join(word.replace("\n", "\\n").split()) for word in (*values.values(), *good)]
    named += ["bgnb: .: "] if "" in values.values() else []  # the folder that an empty path means
    said = " ".join(said.split())
    if "Unrecognized options" in said:  # the parser folds a long word
        return "refused"
    if "For full helptext" in said:  # the parser's own words
        return "refused" if any(name and name in said for name in named) else f"bgnb {shown}: names no option: {said[:200]}"
    if len(lines) != 1:
        return f"bgnb {shown}: {len(lines)} lines instead of one"
    return "refused" if any(name and name in lines[0] for name in named) else f"bgnb {shown}: names no option: {lines[0][:120]}"


def block(kind: str, count: int, number: int, folder: str) -> list[str]:
    """``count`` calls of one kind, in a process of their own."""
    place = prepare(Path(folder) / f"{KINDS.index(kind)}-{number}")
    os.environ["BGNB_CACHE"] = str(place / "cache")
    torch.set_num_threads(1)
    if kind == "fields of Run":
        return of_runs(count, number, place)
    if kind == "command line":
        return in_shell(count, number, place)
    return in_python("right" in kind, count, number, place)
