"""Sliders around a figure that Python must compute anew: ``sliders(draw, patch=(8, 64, 4, 24))``.

Where a few numbers are enough, the pictures of ``bgnb.moving`` move at once, and in static pages, too.
"""

import base64
import html
from collections.abc import Callable

import ipywidgets
from matplotlib.figure import Figure

from bgnb.plots import png

ERROR = "bgnb-error"  # CSS class of the message that says what went wrong; tests look for it in saved notebooks


class Sliders(ipywidgets.VBox):
    """Controls, a picture, and a message that is empty unless something went wrong.

    Attributes:
        controls: name -> ipywidgets control.
        figure: the last Figure that was drawn, None before the first.
        picture: ipywidgets.Image with that figure as PNG.
        message: ipywidgets.HTML.
    """

    def __init__(self, draw: Callable[..., Figure], controls: dict[str, ipywidgets.Widget]):
        self.draw, self.controls, self.figure = draw, controls, None
        self.picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(max_width="100%", object_fit="contain"))
        self.message = ipywidgets.HTML()
        # All controls are above the picture, and a new picture replaces the old one at once: nothing jumps, nothing flickers.
        super().__init__([*controls.values(), self.message, self.picture])
        for control in controls.values():
            control.observe(self.redraw, "value")
        self.redraw()

    def redraw(self, change: dict | None = None) -> None:
        """Draw again with the controls' values. Any error becomes one sentence, never a traceback."""
        try:
            self.figure = self.draw(**{name: control.value for name, control in self.controls.items()})
            self.picture.value = png(self.figure)
            self.message.value = ""
        except Exception as error:
            self.message.value = f'<b class="{ERROR}" style="color:#B00020">{html.escape(sentence(error))}</b>'

    def _repr_mimebundle_(self, **options) -> dict:
        # A front end shows the richest of these that it can: the widget if it is live; the PNG on paper, on GitHub or in an
        # executed copy without its kernel. So nobody needs to find out whether a front end is there.
        bundle = super()._repr_mimebundle_(**options) or {}
        values = ", ".join(f"{control.description} {control.value}" for control in self.controls.values())
        bundle["text/plain"] = f"Sliders({values})" + (f": {self.message.value}" if self.message.value else "")
        if self.picture.value:
            bundle["image/png"] = base64.b64encode(self.picture.value).decode()
        return bundle


def sliders(draw: Callable[..., Figure], **controls) -> Sliders:
    """A picture with a control for each argument of ``draw``.

    Args:
        draw: function that returns a Figure. Its arguments have the names of the controls.
        controls: name -> ``(low, high, step, value)``: a slider, of whole numbers if all four are; a list: a choice that
            begins with its first item; True or False: a box to tick; or any ipywidgets control.

    Returns:
        Sliders, to put last in a notebook cell.

    >>> from matplotlib.figure import Figure
    >>> figure = sliders(lambda patch_size: Figure(figsize=(patch_size, 2)), patch_size=(1, 9, 1, 3))
    >>> figure.controls["patch_size"].value = 5
    >>> figure.controls["patch_size"].description, float(figure.figure.get_figwidth())
    ('patch size', 5.0)
    """
    return Sliders(draw, {name: control(name, given) for name, given in controls.items()})


def control(name: str, given) -> ipywidgets.Widget:
    """The control that ``sliders`` makes of one value. Sliders report on release, because drawing takes longer than a drag."""
    if isinstance(given, ipywidgets.Widget):
        return given
    common = dict(description=name.replace("_", " "), style={"description_width": "9em"}, layout=ipywidgets.Layout(width="32em"))
    if isinstance(given, bool):
        return ipywidgets.Checkbox(value=given, indent=False, **common)
    if isinstance(given, list):
        return ipywidgets.Dropdown(options=given, value=given[0], **common)
    low, high, step, value = given
    integers = all(isinstance(number, int) for number in given)
    slider = ipywidgets.IntSlider if integers else ipywidgets.FloatSlider
    return slider(value=value, min=low, max=high, step=step, continuous_update=False, **common)


def sentence(error: Exception) -> str:
    """An error as one plain sentence.

    >>> sentence(ValueError("patch 300: does not fit"))
    'This cannot be drawn: patch 300: does not fit.'
    """
    words = " ".join(str(error).split()) or type(error).__name__
    return f"This cannot be drawn: {words.rstrip('.')}."
