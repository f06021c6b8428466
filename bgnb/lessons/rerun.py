"""Run a notebook with other parameters: papermill, with the checks that it lacks."""

import ast
import platform
import time
from collections.abc import Iterable
from pathlib import Path

from bgnb.device import describe, pick_device
from bgnb.files import InputError, atomic_write, key
from bgnb.lessons.controls import ERROR
from bgnb.study.runs import versions

WORDS = {bool: "True or False", int: "a whole number", float: "a number", str: "text", list: "a list", type(None): "None"}


def declared(notebook: str | Path) -> dict:
    """The parameters of a notebook, name -> value, from its cell tagged ``parameters``."""
    import papermill

    try:
        found = papermill.inspect_notebook(str(notebook))
        values = {name: ast.literal_eval(parameter["default"]) for name, parameter in found.items()}
    except OSError as error:
        raise InputError(f"{notebook}: {error.strerror}") from None
    except Exception:  # whatever nbformat, papermill and ast raise for something else
        values = {}
    if not values:
        raise InputError(f"{notebook}: is not a notebook with one cell tagged parameters, NAME = VALUE in each line")
    return values


def typed(name: str, text: str, default):
    """A value from the command line, with the type of the notebook's own value. InputError if it has another type.

    >>> typed("images", "40", 120), typed("fast", "true", False), typed("lr", "1e-3", 0.01), typed("ratios", "[1, 8]", [1, 2])
    (40, True, 0.001, [1, 8])
    """
    if isinstance(default, str):
        return text
    try:
        value = {"true": True, "false": False}[text.lower()] if text.lower() in ("true", "false") else ast.literal_eval(text)
    except (ValueError, SyntaxError):
        value = text
    if type(default) is float and type(value) is int:
        value = float(value)
    same = default is None or type(value) is type(default)
    if same and isinstance(default, list) and default:
        types = {type(item) for item in default} | ({int} if float in map(type, default) else set())
        same = bool(value) and all(type(item) in types for item in value)
    if not same:
        raise InputError(
            f"parameter {name} {text!r}: must be {WORDS.get(type(default), type(default).__name__)}, like {default!r}"
        )
    return value


def widget_errors(executed: dict) -> list[str]:
    """What went wrong in callbacks of an executed notebook, where papermill does not look: one sentence or name for each."""
    found = []
    states = executed["metadata"].get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    for widget in states.values():
        state = widget.get("state", {})
        found += [f"{o['ename']}: {o['evalue']}" for o in state.get("outputs", []) if o["output_type"] == "error"]
        if ERROR in str(state.get("value", "")):
            found.append(ast.literal_eval(repr(state["value"])).partition(">")[2].removesuffix("</b>"))
    return found


def rerun(notebook: str | Path, parameters: Iterable[tuple[str, str]], out: str | Path, progress: bool = True) -> Path:
    """Run a notebook with other parameters and write the executed copy, or nothing.

    Args:
        notebook: path of an .ipynb.
        parameters: (NAME, VALUE as text).
        out: folder for the copy, which keeps the notebook's name.
        progress: show papermill's bar over the cells.

    Returns:
        The path of the copy. Its ``metadata["bgnb"]`` holds parameters, versions, device, seconds and the source's hash.

    Raises:
        InputError: no such notebook or parameter, a value of the wrong type, or a cell or a slider that failed.
    """
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from papermill.exceptions import PapermillExecutionError

    notebook, out, given = Path(notebook), Path(out), {}
    known = declared(notebook)
    for name, text in parameters:
        if name not in known:
            raise InputError(f"parameter {name}: {notebook.name} has none of that name, but {', '.join(known)}")
        given[name] = typed(name, text, known[name])
    target = out / notebook.name
    if target.exists() and target.samefile(notebook):
        raise InputError(f"out {out}: holds the notebook itself; name another folder")
    clock = time.perf_counter()
    try:  # into memory: a file beside the others would stay if this process were killed
        executed = papermill.execute_notebook(str(notebook), None, given, progress_bar=progress, log_output=False)
    except PapermillExecutionError as error:
        what = error.evalue if error.ename == "InputError" else f"{error.ename}: {error.evalue}"
        raise InputError(f"{notebook.name}, cell {error.cell_index}: {what}") from None
    except NoSuchKernel as error:
        raise InputError(f"{notebook.name}: no kernel {error.name}; bgnb check says what to do") from None
    if failed := widget_errors(executed):
        raise InputError(f"{notebook.name}, a slider: {failed[0]}")
    executed["metadata"]["bgnb"] = {
        "parameters": known | given,
        "versions": versions(),
        "platform": platform.platform(),
        "device": describe(pick_device(str((known | given).get("device", "auto")))),
        "seconds": round(time.perf_counter() - clock, 1),
        "source": key(notebook),
    }
    with atomic_write(target) as part:
        papermill.iorw.write_ipynb(executed, str(part))
    return target
