"""The command line: ``bgnb run``, ``extract``, ``sweep``, ``beside``, ``rerun``, ``check``.

Results go to files or standard output, all else to standard error.
"""

import errno
import json
import sys
from pathlib import Path
from typing import Annotated

import tyro

from bgnb.files import InputError, keep_memory, whole_file
from bgnb.settings import Run

RunOptions = Annotated[Run, tyro.conf.arg(name="")]


def run(options: RunOptions, json: Path | None = None, picture: Path | None = None, baselines: bool = False) -> None:
    """Train, localise and measure on the target images; write one JSON.

    Args:
        options: the parameters of the run.
        json: file for the result; None: standard output.
        picture: PNG file with some photos and their maps.
        baselines: also measure maps that nobody trained.
    """
    from bgnb.study.runs import measure

    for file in (json, picture):
        check_writable(file)
    result = measure(options, baselines=baselines)
    if picture:
        from bgnb.plots import draw_gallery

        threshold = result.accuracy.threshold if result.accuracy else 0.5
        figure = draw_gallery(result.imageset.targets, result.maps, threshold, result.imageset.masks)
        with whole_file(picture.with_suffix(".png")) as part:
            figure.savefig(part)
    write_json(result.numbers, json)
    if json and result.accuracy:
        low, high = result.numbers["interval"]
        at = f"at IoU {result.accuracy.iou}, map threshold {result.accuracy.threshold}"
        say(f"Loc. Acc. {result.accuracy.value:.3f} [{low:.3f}, {high:.3f}] {at}")


def extract(
    targets: Path,
    backgrounds: Path,
    out: Path,
    size: int = 128,
    patch: int = 24,
    stride: int = 4,
    ratio: float = 2,
    net: str = "tiny",
    weights: str | None = None,
    epochs: int = 20,
    seed: int = 0,
    threshold: float | None = None,
    device: str = "auto",
) -> None:
    """Cut the target out of your own photos: no masks needed, any size and orientation.

    Args:
        targets: folder of photos that contain what you look for.
        backgrounds: folder of photos that do not, of the same kind of place.
        out: folder for NAME_map.png, NAME_cutout.png and extract.json.
        size: short side of the photos in pixels while they are worked on.
        patch: side of a patch and of a window in those pixels.
        stride: pixels from one window to the next.
        ratio: background patches for each target patch.
        net: tiny, vgg16, vgg16_bn or resnet50.
        weights: None: from scratch; a torchvision name; or a .safetensors file.
        epochs: passes over the photos.
        seed: decides everything random.
        threshold: map threshold; None: chosen from the maps alone.
        device: auto, cpu, cuda, mps.
    """
    from bgnb.photos.extraction import extract as extract_photos

    options = Run(
        size=size, patch=patch, stride=stride, ratio=ratio, net=net, weights=weights, epochs=epochs, seed=seed, device=device
    )
    report = extract_photos(targets, backgrounds, out, options, threshold)
    say(f"{out}: {len(report['photos'])} maps and cut-outs, map threshold {report['threshold']} ({report['threshold_from']})")
    if "warning" in report:
        say(f"warning: {report['warning']}")


def sweep(grid: tyro.conf.Positional[Path], out: Path | None = None, jobs: int = 2, into: Path | None = None) -> None:
    """Measure every combination of a grid and print its table.

    Args:
        grid: YAML file: each parameter of a run with one value or a list of values.
        out: file that collects the results, a JSON a line; what is in it is not measured again; None: beside the grid.
        jobs: runs at a time, each on its share of the cores.
        into: Markdown file in which the table replaces what stands between <!-- GRID's name --> and <!-- end -->.
    """
    from bgnb.study.sweeps import put_into, table
    from bgnb.study.sweeps import sweep as sweep_grid

    out = out or grid.with_suffix(".jsonl")
    check_writable(out)
    text = table(sweep_grid(grid, out, jobs))
    if into:
        put_into(into, grid.stem, text)
    print(text)


def beside(
    left: tyro.conf.Positional[Path], right: tyro.conf.Positional[Path], name: str = "beside", into: Path | None = None
) -> None:
    """Print two sweeps' results in one table, left / right, for the runs that both have measured.

    Args:
        left: results of a sweep, a JSON a line. right: those of another, of other photos, say.
        name: the table replaces what stands between <!-- NAME --> and <!-- end -->.
        into: Markdown file in which it does so.
    """
    from bgnb.study.sweeps import beside as side_by_side
    from bgnb.study.sweeps import put_into, read_results

    for path in (left, right):
        if not path.exists():
            raise InputError(f"{path}: there is no such file")
    text = side_by_side(read_results(left), read_results(right))
    if into:
        put_into(into, name, text)
    print(text)


def rerun(
    notebook: tyro.conf.Positional[Path],
    parameter: Annotated[tuple[tuple[str, str], ...], tyro.conf.UseAppendAction, tyro.conf.arg(aliases=["-p"])] = (),
    out: Path = Path("out"),
) -> None:
    """Run a notebook with other parameters; the executed copy is written only if nothing went wrong, sliders included.

    Args:
        notebook: a lesson, or any notebook with one cell tagged parameters.
        parameter: NAME VALUE, as often as needed; unknown names and values of another type are refused.
        out: folder for the executed copy, which carries the environment in its metadata.
    """
    from bgnb.lessons.rerun import rerun as rerun_notebook

    say(f"wrote {rerun_notebook(notebook, parameter, out)}")


def check() -> None:
    """Is everything ready? Versions, device, threads, cache, kernel: each ok, or what to do. Status 1 if there is something."""
    from bgnb.lessons.check import findings

    ready = True
    for what, words, ok in findings():
        ready &= ok
        print(f"{'ok     ' if ok else 'TO DO  '}{what:9} {words}", flush=True)
    sys.exit(0 if ready else 1)


def check_writable(path: Path | None) -> None:
    """InputError now rather than after minutes of training, where a file cannot be written."""
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"{path}: is a folder, a file is needed")
    with whole_file(path.parent / f"{path.name}.try") as part:
        part.write_text("")
    (path.parent / f"{path.name}.try").unlink(missing_ok=True)


def write_json(numbers: dict, path: Path | None) -> None:
    """One JSON to a file, which is whole or absent, or to standard output."""
    text = json.dumps(numbers, indent=2)
    if path is None:
        print(text)
        return
    with whole_file(path) as part:
        part.write_text(text + "\n")


def say(line: str) -> None:
    print(f"bgnb: {line}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``bgnb``: exit status 0, or 2 with one line that names what was wrong."""
    keep_memory()
    try:
        tyro.extras.subcommand_cli_from_dict(
            {"run": run, "extract": extract, "sweep": sweep, "beside": beside, "rerun": rerun, "check": check},
            prog="bgnb",
            args=arguments,
            description="Find an animal in photos with nothing but image-level labels.",
        )
    except (InputError, FloatingPointError) as error:
        fail(str(error))
    except OSError as error:
        full = " (the disk is full)" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else ""
        fail(f"{error.filename or 'writing'}: {error.strerror or error}{full}")
    except KeyboardInterrupt:
        fail("interrupted", 130)


def fail(line: str, status: int = 2) -> None:
    """One line on standard error, and the end."""
    say(" ".join(line.split()))
    sys.exit(status)


if __name__ == "__main__":
    main()
