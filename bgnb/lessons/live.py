"""The page to begin with: a network that learns in the page, and nothing else."""

from bgnb.data import load
from bgnb.moving import move_live
from bgnb.moving.page import document, moves, picture
from bgnb.settings import Run

NAME = "live.html"
# Drawn cats. With this rate and batch a page learns within seconds; the seed was not chosen.
RUN = Run(size=96, images=40, patch=20, net="micro", ratio=1, epochs=30, batch=64, lr=0.02)


def live_page(lesson: str = "") -> str:
    """The page, as HTML: below 500 kB. ``lesson``: address of lesson 02, if it is there.

    >>> len(live_page()) < 500_000
    True
    """
    shown = move_live(load(**RUN.load_arguments(), progress=False), RUN)
    still = picture(shown._repr_png_(), "patches of each kind, and their backgroundness after a training")
    return document(
        "live.html.j2",
        title="Watch a network change its mind",
        description="Much of what it is told about the forest is wrong. What will it believe?",
        picture=f"<figure>{moves(**shown.payload(), still=still)}</figure>",
        lesson=lesson,
        up="",
    )
