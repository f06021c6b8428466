"""The command line: ``bgnb run``, ``extract``, ``sweep`` and others. Each imports only what it needs, so --help is quick.

Results go to files or standard output, everything else to standard error.
"""

import errno
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import tyro

from bgnb.files import InputError, atomic_write
from bgnb.settings import Machine, Maps, Run, Training


@dataclass(frozen=True)
class PhotoOptions(Machine, Maps, Training):
    """The parameters of a run that matter for your own photos, with other defaults."""

    size: int = 128
    """short side, in pixels, to which the photos are scaled for the work"""
    patch: int = 24
    """side of a patch and of a window, in those pixels"""
    stride: int = 4
    """pixels from one window to the next"""
    ratio: float = 2
    """background patches for each target patch"""
    preset: str = "quick"
    """recommended: the paper, with our reading of its gaps; literal: the letter of its text; quick: in a fifth of the time"""
    refine: str | None = "grabcut"
    """find the target's own edges in the photo: grabcut or walker; None: cut the map at its threshold"""
    lr: float | None = 0.01
    """learning rate; with a one-cycle schedule, its highest; None: as the preset says"""
    epochs: int | None = None
    """passes over the photos; None: 60, or 28 with fewer patches where light tells the two sides apart"""
    colours: str = "kept"
    """standardised: bring the colours of every photo to one mean and one contrast; kept: only if light tells the sides apart"""
    per_image: tyro.conf.Suppress[int] = 8  # the number of photos decides it


def run(
    options: Annotated[Run, tyro.conf.arg(name="")],
    json: Path | None = None,
    picture: Path | None = None,
    baselines: bool = False,
    ceilings: bool = False,
    metrics: bool = False,
) -> None:
    """Train a network, map the target images, measure the maps, and write one JSON.

    Args:
        options: parameters of the run.
        json: file for the result; None: standard output.
        picture: PNG file for some photos and their maps.
        baselines: also measure the baselines, maps that nobody trained.
        ceilings: also measure the ceilings, made with the masks; this trains a second network.
        metrics: use all metrics, not only Loc. Acc. and PxAP.
    """
    from bgnb.device import keep_memory
    from bgnb.study.runs import measure

    keep_memory()
    for file in (json, picture):
        check_writable(file)
    result = measure(options, baselines, ceilings, metrics)
    if picture:
        from bgnb.plots import draw_gallery

        threshold = result.accuracy.threshold if result.accuracy else 0.5
        figure = draw_gallery(result.imageset.targets, result.maps, threshold, result.imageset.masks)
        with atomic_write(picture.with_suffix(".png")) as part:
            figure.savefig(part)
    write_json(result.numbers, json)
    if json and result.accuracy:
        low, high = result.numbers["interval"]
        at = f"at IoU {result.accuracy.iou}, map threshold {result.accuracy.threshold}"
        say(f"Loc. Acc. {result.accuracy.value:.3f} [{low:.3f}, {high:.3f}] {at}")


def extract(
    options: Annotated[PhotoOptions, tyro.conf.arg(name="")],
    targets: Path,
    backgrounds: Path,
    out: Path,
    threshold: float | None = None,
    apply: Path | None = None,
    anyway: bool = False,
    skip_bad: bool = False,
) -> None:
    """Cut the target out of your own photos. They need no masks and can have any size and orientation.

    Args:
        options: parameters of the training and the maps.
        targets: folder of photos that show what you look for.
        backgrounds: folder of photos of the same kind of place that do not show it.
        out: folder for NAME_map.png, NAME_mask.png, NAME_cutout.png, extract.json, coco.json, and index.html, which shows all.
        threshold: map threshold; None: chosen from the maps alone.
        apply: folder of other photos to cut out; None: those of --targets.
        anyway: go on even if the backgrounds clearly do not fit.
        skip_bad: go on without photos that cannot be read, and list them at the end.
    """
    from bgnb.device import keep_memory
    from bgnb.photos import extract as extract_photos

    keep_memory()
    report = extract_photos(targets, backgrounds, out, Run(**asdict(options)), threshold, apply, anyway, skip_bad)
    if report["suitability"]:
        say(report["suitability"]["advice"])
    say(f"{out}: {len(report['photos'])} maps and cut-outs, map threshold {report['threshold']} ({report['threshold_from']})")
    if "warning" in report:
        say(f"warning: {report['warning']}")
    for line in report.get("skipped", ()):
        say(f"left out: {line}")


def suit(
    targets: Path,
    backgrounds: Path,
    candidates: tuple[Path, ...] = (),
    json: Path | None = None,
    picture: Path | None = None,
    size: int = 128,
    patch: int = 24,
    seed: int = 0,
    skip_bad: bool = False,
) -> None:
    """Ask whether backgrounds fit your photos, in seconds, before any training and without masks.

    Args:
        targets: folder of photos that show what you look for.
        backgrounds: folder of photos of the same kind of place that do not show it.
        candidates: more folders of backgrounds to compare with.
        json: file for the result; None: standard output.
        picture: PNG file for patches from around the target that no background explains.
        size: short side, in pixels, to which the photos are scaled for the work.
        patch: side of a patch, in those pixels.
        seed: decides which photos of a folder with more than 200 are looked at.
        skip_bad: go on without photos that cannot be read.
    """
    from bgnb.photos.backgrounds import suitability

    for file in (json, picture):
        check_writable(file)
    found = {
        str(folder): suitability(targets, folder, size, patch, seed=seed, skip_bad=skip_bad, progress=True)
        for folder in (backgrounds, *candidates)
    }
    fit = found[str(backgrounds)]
    numbers = {name: getattr(fit, name) for name in ("value", "interval", "verdict", "advice", "covered", "light", "colours")}
    numbers |= {"backgrounds": fit.ranking}
    if candidates:
        numbers["candidates"] = {folder: one.value for folder, one in sorted(found.items(), key=lambda pair: -pair[1].value)}
    if picture:
        from bgnb.plots import draw_tiles

        with atomic_write(picture.with_suffix(".png")) as part:
            draw_tiles(fit.unexplained, title="around the target, and least like the backgrounds").savefig(part)
    write_json(numbers, json)
    if json:
        say(f"suitability {fit.value:.2f} [{fit.interval[0]:.2f}, {fit.interval[1]:.2f}]: {fit.verdict}. {fit.advice}")


def sweep(
    grid: tyro.conf.Positional[str | None] = None,
    scale: str | None = None,
    photographs: bool = False,
    seeds: int | None = None,
    list: bool = False,
    out: Path | None = None,
    jobs: int = 2,
    have: tuple[Path, ...] = (),
    scheduler: str | None = None,
    into: Path | None = None,
    picture: Path | None = None,
) -> None:
    """Measure every combination of a grid and print its table.

    Args:
        grid: a name (see --list), or a YAML file that gives parameters of a run one value or a list of values.
        scale: fast (minutes), cpu (hours) or paper (its networks and sizes, for a GPU), if the grid has them; None: fast.
        photographs: measure photographs, not drawn scenes, if the grid has both.
        seeds: use the seeds 0 ... N-1; None: those of the grid.
        list: print the names of the grids that come with bgnb, then stop.
        out: file that collects the results, one JSON a line. Runs in it are not measured again. None: GRID.jsonl, here.
        jobs: runs at a time, each on its share of the cores.
        have: files with other results. They stay as they are; runs in them count and are not measured again.
        scheduler: address of a Dask scheduler whose workers measure the runs; local: start one here, with --jobs workers.
        into: Markdown file to put the table into, between <!-- GRID --> (or <!-- GRID_photographs -->) and <!-- end -->.
        picture: PNG file for Loc. Acc. at every epoch, if the grid measures that (weight_average does).
    """
    from bgnb.study import claims, sweeps, tables

    if list or grid is None:
        for name, words in sweeps.grids().items():
            print(f"{name:24} {words}")
        return
    name = Path(grid).stem + ("_photographs" if photographs else "")
    out = out or Path(f"{name}.jsonl")
    for file in (out, picture):
        check_writable(file)
    if picture and not all("every" in asked for _, asked in sweeps.read_grid(grid, scale, photographs, seeds)):
        raise InputError(f"picture {picture}: grid {name} does not measure every epoch")
    results = sweeps.sweep(grid, out, jobs, scale, photographs, seeds, have, scheduler)
    text = claims.render(results, Path(grid).stem)
    if into:
        tables.put_into(into, name, text)
    if picture:
        from bgnb.plots import draw_every_epoch, png
        from bgnb.study.stopping import every_epoch

        with atomic_write(picture) as part:
            part.write_bytes(png(draw_every_epoch(every_epoch(results))))
    print(text)


def claims(results: Path = Path("docs/results"), json: Path | None = None, into: Path | None = None) -> None:
    """Say which of the paper's claims hold, by the stored results: each with its effect, interval and verdict.

    Args:
        results: folder of the stored results.
        json: file for the claims; None: standard output.
        into: Markdown file to put the claims as a table into, between <!-- claims --> or <!-- headline --> and <!-- end -->.
    """
    from bgnb.study.claims import claims as find
    from bgnb.study.claims import put_into

    if not results.is_dir():
        raise InputError(f"{results}: no such folder; name the one with the stored results")
    check_writable(json)
    found = find(results)
    if into:
        put_into(into, found)
    if json or not into:
        write_json(found, json)


def digest(results: Path = Path("docs/results"), maps: bool = False) -> None:
    """Renew what the lessons show of the long runs: claims, curves and a table. They come with the package.

    Args:
        results: folder of the stored results.
        maps: also train the drawn scenes' maps again; this takes ten minutes of a core.
    """
    from bgnb.device import keep_memory
    from bgnb.study import stored

    if not results.is_dir():
        raise InputError(f"{results}: no such folder; name the one with the stored results")
    keep_memory()
    stored.digest(results, stored.FOLDER)
    for target, scene in stored.PAIRS if maps else ():
        stored.keep_maps(target, scene, stored.FOLDER)
    say(f"wrote {stored.FOLDER}")


def beside(
    left: tyro.conf.Positional[Path], right: tyro.conf.Positional[Path], name: str = "beside", into: Path | None = None
) -> None:
    """Print the results of two sweeps in one table, left / right, for the runs that both have measured.

    Args:
        left: results of a sweep, one JSON a line.
        right: results of another sweep, on other photos, say.
        name: the table goes between <!-- NAME --> and <!-- end -->.
        into: Markdown file to put the table into.
    """
    from bgnb.study import sweeps, tables

    for path in (left, right):
        if not path.exists():
            raise InputError(f"{path}: there is no such file")
    text = tables.beside(sweeps.read_results(left), sweeps.read_results(right))
    if into:
        tables.put_into(into, name, text)
    print(text)


def rerun(
    notebook: tyro.conf.Positional[Path],
    parameter: Annotated[tuple[tuple[str, str], ...], tyro.conf.UseAppendAction, tyro.conf.arg(aliases=["-p"])] = (),
    out: Path = Path("out"),
) -> None:
    """Run a notebook with other parameters. The executed copy is written only if nothing went wrong, sliders included.

    Args:
        notebook: a lesson, or any notebook with one cell tagged parameters.
        parameter: NAME VALUE, as often as you need. Unknown names and values of the wrong type are refused.
        out: folder for the executed copy. Its metadata records the environment.
    """
    from bgnb.lessons.rerun import rerun as rerun_notebook

    say(f"wrote {rerun_notebook(notebook, parameter, out)}")


def check() -> None:
    """Check versions, device, threads, cache and kernel: each is ok or says what to do. Exit status 1 if there is something."""
    from bgnb.lessons.check import findings

    ready = True
    for what, words, ok in findings():
        ready &= ok
        print(f"{'ok     ' if ok else 'TO DO  '}{what:9} {words}", flush=True)
    sys.exit(0 if ready else 1)


def classroom(
    notebooks: tyro.conf.Positional[Path] = Path("notebooks"),
    out: Path | None = None,
    serve: bool = False,
    pages: Path | None = None,
    port: int = 8866,
    token: str | None = None,
    ip: str = "127.0.0.1",
    preheat: tuple[str, ...] = ("01", "02", "03"),
    visitors: int | None = None,
) -> None:
    """Write copies of the lessons without solutions; or serve them to a class, as pages and with Voila.

    Args:
        notebooks: folder of the lessons.
        out: folder for the copies; None: out/student, or out/class with --serve.
        serve: serve them, until Ctrl-C.
        pages: folder that bgnb pages wrote. The class reads these, and a kernel starts only to run a lesson with other values.
        port: port to serve them on.
        token: part of the address that keeps others out; None: a new one.
        ip: address to listen on: 127.0.0.1 (only this machine) or 0.0.0.0 (everybody on the network).
        preheat: numbers of the lessons to keep ready for the next visitor, one kernel each.
        visitors: how many may run a lesson at a time; the next one reads a sentence. None: as the free memory allows.
    """
    from secrets import token_urlsafe

    from bgnb.lessons import classroom

    out = out or Path("out/class" if serve else "out/student")
    if serve:
        say(f"{out}: {len(classroom.write_pages(notebooks, pages, out))} pages that need no kernel")
    print(f"{len(classroom.write_copies(notebooks, out, live=serve))} lessons without solutions: {out}", flush=True)
    if serve:
        classroom.serve(out, port, token or token_urlsafe(9), ip, [*preheat], visitors)


def pages(
    notebooks: tyro.conf.Positional[Path] = Path("notebooks"),
    out: Path = Path("out/pages"),
    only: tuple[str, ...] = (),
    fast: bool = False,
) -> None:
    """Run the lessons and write each as one page of HTML whose pictures move. It opens without internet, server or Python.

    Args:
        notebooks: folder of the lessons.
        out: folder for the pages; begin with its index.html.
        only: numbers of the lessons to write, "live" or "docs": 03 04 live. The others keep the pages that they have.
        fast: run them with fast = True.
    """
    from bgnb.lessons.pages import pages as write_pages

    for name, size in write_pages(notebooks, out, only, fast):
        say(f"{out / name}: {size / 1e6:.2f} MB")


def times(notebooks: tyro.conf.Positional[Path] = Path("notebooks"), once: bool = False, into: Path | None = None) -> None:
    """Run every lesson twice, with an empty cache and then a full one, and print how long each took.

    Args:
        notebooks: folder of the lessons.
        once: run them only once.
        into: Markdown file to put the table into, between <!-- times --> and <!-- end -->.
    """
    from bgnb.device import describe, pick_device
    from bgnb.lessons.times import times as measure
    from bgnb.study.tables import markdown, put_into

    text = f"{markdown(measure(notebooks, once))}\n\nOn {describe(pick_device())}."
    if into:
        put_into(into, "times", text)
    print(text)


def scenes(out: Path = Path("figures")) -> None:
    """Draw the contact sheet of the scenes and the picture of their dials.

    Args:
        out: folder for scenes.jpg and scenes_dials.jpg.
    """
    from bgnb.scenes.sheets import write_sheets

    for file in write_sheets(out):
        say(f"wrote {file}")


def check_writable(path: Path | None) -> None:
    """InputError now, not after minutes of training, if a file cannot be written."""
    if path is None:
        return
    if path.is_dir():
        raise InputError(f"{path}: is a folder; name a file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=path.parent):  # has no name, so nothing can stay
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_json(numbers: dict, path: Path | None) -> None:
    """Write one JSON to a file, whole or not at all, or to standard output."""
    text = json.dumps(numbers, indent=2)
    if path is None:
        print(text)
        return
    with atomic_write(path) as part:
        part.write_text(text + "\n")


def say(line: str) -> None:
    print(f"bgnb: {line}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of ``bgnb``: exit status 0, or 2 and one line that says what was wrong."""
    commands = (run, suit, extract, sweep, claims, digest, beside, rerun, check, classroom, pages, times, scenes)
    try:
        tyro.extras.subcommand_cli_from_dict(
            {command.__name__: command for command in commands},
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
    """Print one line on standard error and exit."""
    say(" ".join(line.split()))
    sys.exit(status)


if __name__ == "__main__":
    main()
