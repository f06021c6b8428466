"""What tells animals apart: eyes, nose and mouth."""

import numpy as np

from .brush import CANVAS, disc, fill, mix, shade


def draw_face(rng, draw, kind, face, place, unit, tones):
    """Eyes, nose and mouth."""

    def spot(x, y, rx, ry, colour):
        px, py = place(np.array([[x, y]]))[0]
        disc(draw, px, py, rx * unit, ry * unit, shade(colour))

    def line(points, colour, width=0.008):
        draw.line(
            (place(np.array(points)) * CANVAS).ravel().tolist(),
            fill=shade(colour),
            width=max(1, round(width * unit * CANVAS)),
        )

    iris = np.asarray(((186, 184, 80), (214, 160, 52), (132, 170, 96), (226, 178, 40))[rng.integers(4)])
    if kind == "cat":
        x, y, _ = face
        for side in (-1, 1):
            spot(x + side * 0.058, y + 0.012, 0.039, 0.035, (30, 24, 22))
            spot(x + side * 0.058, y + 0.012, 0.033, 0.029, iris)
            spot(x + side * 0.056, y + 0.012, 0.012, 0.028, (16, 14, 14))
            spot(x + side * 0.048, y + 0.024, 0.006, 0.006, (250, 250, 245))
            line([(x, y - 0.062), (x + side * 0.012, y - 0.084), (x + side * 0.038, y - 0.088)], (44, 34, 32), 0.01)
            for lift in (-0.02, 0.0, 0.02):
                line(
                    [(x + side * 0.045, y - 0.065 + lift * 0.4), (x + side * 0.15, y - 0.055 + lift * 1.6)],
                    mix(tones["light"], (245, 242, 236), 0.6),
                    0.004,
                )
            for k in (0, 1):
                line(
                    [(x + side * (0.02 + 0.03 * k), y + 0.075), (x + side * (0.025 + 0.045 * k), y + 0.125)],
                    tones["mark"],
                    0.012,
                )
        fill(draw, place(np.array([(x - 0.02, y - 0.036), (x + 0.02, y - 0.036), (x, y - 0.062)])), (168, 104, 98))
    elif kind == "dog":
        x, y, drop = face
        spot(x + 0.065, y + 0.035, 0.024, 0.023, (24, 18, 16))
        spot(x + 0.067, y + 0.035, 0.017, 0.017, (96, 62, 34))
        spot(x + 0.068, y + 0.035, 0.010, 0.010, (12, 10, 10))
        spot(x + 0.073, y + 0.043, 0.005, 0.005, (250, 250, 245))
        spot(x + 0.298, y - 0.035 + drop, 0.034, 0.029, (26, 22, 22))
        spot(x + 0.302, y - 0.024 + drop, 0.010, 0.006, (120, 116, 116))
        line([(x + 0.30, y - 0.078 + drop), (x + 0.20, y - 0.092 + drop), (x + 0.11, y - 0.088)], (40, 30, 28), 0.012)
    elif kind == "owl":
        x, y, _r = face
        for side in (-1, 1):
            ex = x + side * 0.088
            for k in range(22):
                angle = 2 * np.pi * k / 22
                ray = np.array([np.cos(angle), np.sin(angle)])
                line(
                    [(ex + 0.055 * ray[0], y + 0.055 * ray[1]), (ex + 0.098 * ray[0], y - 0.005 + 0.098 * ray[1])],
                    mix(tones["light"], tones["mark"], 0.55),
                    0.006,
                )
            spot(ex, y, 0.064, 0.064, (34, 28, 24))
            spot(ex, y, 0.056, 0.056, mix(iris, (230, 160, 30), 0.5))
            spot(ex, y, 0.032, 0.032, (14, 12, 12))
            spot(ex - 0.016, y + 0.018, 0.010, 0.010, (252, 250, 244))
            line(
                [(x + side * 0.02, y + 0.05), (x + side * 0.10, y + 0.095), (x + side * 0.17, y + 0.13)],
                tones["mark"] * 0.7,
                0.022,
            )
        fill(draw, place(np.array([(x - 0.026, y - 0.02), (x + 0.026, y - 0.02), (x, y - 0.10)])), (52, 46, 42))
    else:
        ex, ey, nx, ny, ux, uy = face
        spot(ex, ey, 0.022, 0.020, (18, 14, 12))
        spot(ex + 0.005, ey + 0.007, 0.006, 0.006, (230, 230, 226))
        spot(nx + 0.012 + 0.018 * ux, ny + 0.018 * uy, 0.013, 0.011, (22, 18, 18))
        line(
            [(nx + 0.03 - 0.03 * ux, ny - 0.03 * uy - 0.01), (nx - 0.05 - 0.03 * ux, ny + 0.02 - 0.035 * uy)],
            (30, 24, 22),
            0.009,
        )
