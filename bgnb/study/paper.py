"""The paper's own numbers, to compare others with: Loc. Acc. in its tables, and how finely they can be written.

Nakamura, Ueda, Tanaka, Fujiki, IW-FCV 2023, doi 10.1007/978-981-99-4914-4_3. Only results are quoted, no sentences.
"""

from collections.abc import Mapping

import numpy as np

ANIMALS = ("cat", "dog", "owl", "horse")
SCENES = ("forest", "playground")
NETS = ("VGG16", "ResNet50")
METHODS = ("CAM", "ADL", "HaS", "CutMix", "BGx1", "BGx2")
SIZES = (32, 48, 64, 96, 128)
RATIOS = (1, 2, 4)

# Tables 1 and 2, patch 48: net -> (method, scene and animal): forest's four animals, then the playground's.
TABLES_1_2 = {
    "VGG16": np.array([
        [.83, .58, .67, .42, .72, .57, .68, .51],
        [.73, .75, .67, .38, .74, .60, .69, .46],
        [.70, .65, .78, .55, .86, .64, .68, .46],
        [.89, .65, .73, .44, .88, .76, .69, .46],
        [.81, .61, .85, .78, .90, .83, .76, .75],
        [.98, .93, .81, .53, .91, .79, .75, .55],
    ]),
    "ResNet50": np.array([
        [.66, .66, .75, .44, .85, .72, .74, .50],
        [.85, .73, .71, .55, .89, .81, .78, .62],
        [.70, .59, .68, .52, .72, .66, .69, .54],
        [.70, .50, .66, .47, .86, .66, .74, .53],
        [.88, .96, .83, .53, .88, .86, .83, .78],
        [.90, .90, .76, .81, .90, .76, .80, .57],
    ]),
}  # fmt: skip

# Table 3, BGx2: scene -> (size, [cat VGG16, cat ResNet50, dog VGG16, dog ResNet50]).
TABLE_3 = {
    "forest": np.array([
        [.954, .979, .914, .902], [.958, .975, .858, .793], [.967, .975, .846, .846],
        [.913, .860, .700, .663], [.786, .777, .627, .570],
    ]),
    "playground": np.array([
        [.786, .942, .967, .700], [.962, .979, .931, .943], [.958, .975, .894, .923],
        [.942, .876, .801, .700], [.847, .802, .570, .542],
    ]),
}  # fmt: skip

# Table 4, one patch size for each scene: scene -> (ratio, as in Table 3).
TABLE_4 = {
    "forest": np.array([[.930, .900, .923, .846], [.950, .954, .914, .902], [.983, .975, .971, .951]]),
    "playground": np.array([[.934, .979, .902, .947], [.962, .979, .931, .943], [.925, .917, .939, .906]]),
}  # fmt: skip


SIDE = 256  # pixels of the paper's images
CALLED = {"cam": "CAM", "adl": "ADL", "has": "HaS", "cutmix": "CutMix"}
BUILT = {"vgg16": "VGG16", "vgg16_bn": "VGG16", "resnet50": "ResNet50"}
TABLES = {"table1": METHODS[4:], "table2": METHODS, "table3": ("BGx2",), "table4": ("BGx1", "BGx2", "BGx4")}  # their methods


def cells(table: str, run: Mapping) -> dict[str, float]:
    """The paper's cells for a run in one of its tables: network -> Loc. Acc.; nothing if there is no such row.

    A network that the paper does not have, tiny say, stands beside both of the paper's. Patches count in pixels of its images.

    Args:
        table: "table1" ... "table4".
        run: its parameters, as a result holds them.

    >>> run = {"target": "cat", "scene": "forest", "method": "background", "ratio": 2, "net": "tiny", "patch": 24, "size": 128}
    >>> {table: cells(table, run)["VGG16"] for table in TABLES}
    {'table1': 0.98, 'table2': 0.98, 'table3': 0.958, 'table4': 0.95}
    """
    method = CALLED.get(run["method"]) or f"BGx{run['ratio']:g}"
    patch = run["patch"] * SIDE / run["size"]
    if method not in TABLES[table] or run["target"] not in ANIMALS or run["scene"] not in SCENES:
        return {}
    animal, nets = ANIMALS.index(run["target"]), [BUILT[run["net"]]] if run["net"] in BUILT else NETS
    if table in ("table1", "table2"):
        column = len(ANIMALS) * SCENES.index(run["scene"]) + animal
        fits = patch == 48 or method in CALLED.values()
        return {net: float(TABLES_1_2[net][METHODS.index(method), column]) for net in nets if fits}
    rows, levels, level = (TABLE_3, SIZES, patch) if table == "table3" else (TABLE_4, RATIOS, run["ratio"])
    if level not in levels or animal > 1:  # cat and dog only
        return {}
    row = rows[run["scene"]][levels.index(level)]
    return {net: float(row[2 * animal + NETS.index(net)]) for net in nets}


def three_decimals(animal: str) -> np.ndarray:
    """All shares that Tables 3 and 4 give for an animal, cat or dog.

    >>> len(three_decimals("cat"))
    32
    """
    columns = slice(0, 2) if animal == "cat" else slice(2, 4)
    return np.concatenate([table[scene][:, columns].ravel() for table in (TABLE_3, TABLE_4) for scene in SCENES])


def fits(value: float, images: int, decimals: int = 3) -> bool:
    """Whether ``value`` is a share k / images for some whole k, truncated after so many decimals.

    >>> fits(0.954, 243), fits(0.954, 240)  # 232 / 243 = 0.9547...; 228 / 240 = 0.9500, 229 / 240 = 0.9541...
    (True, True)
    >>> fits(0.967, 243), fits(0.967, 240)  # 235 / 243 = 0.9670...; 232 / 240 = 0.9666..., 233 / 240 = 0.9708...
    (True, False)
    """
    scale = 10**decimals
    wanted = round(value * scale)
    k = -(-wanted * images // scale)  # the smallest whole number whose share is not below the value
    return k * scale // images == wanted


def both_tables(scene: str) -> tuple[np.ndarray, np.ndarray]:
    """The same setting twice, BGx2 with patch 48: from Tables 1 and 2, and from Table 3. Cat, then dog, with both networks.

    >>> [row.tolist() for row in both_tables("forest")]
    [[0.98, 0.9, 0.93, 0.9], [0.958, 0.975, 0.858, 0.793]]
    """
    first = 4 * SCENES.index(scene)
    return np.array([TABLES_1_2[net][-1, first + i] for i in (0, 1) for net in NETS]), TABLE_3[scene][SIZES.index(48)]
