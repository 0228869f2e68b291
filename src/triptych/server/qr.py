"""QR codes (ISO/IEC 18004) of links: as a path of an SVG, and as lines of text for a terminal."""

import segno

QUIET = 4  # modules of white around a code, as the standard asks
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def _rows(text: str) -> list[list[bool]]:
    """The modules of a code, dark ones true, with the white around them. Error correction at its lowest: a screen has no dirt on it."""
    made = segno.make(text, error="l", micro=False, boost_error=False)
    return [[bool(one) for one in row] for row in made.matrix_iter(border=QUIET)]


def qr_path(text: str) -> tuple[str, int]:
    """The dark modules as `d` of a path, a square of side 1 for each run of them, and the side of the whole."""
    rows, parts = _rows(text), list[str]()
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            if not row[x]:
                x += 1
                continue
            end = next((place for place in range(x, len(row)) if not row[place]), len(row))
            parts.append(f"M{x} {y}h{end - x}v1H{x}z")
            x = end
    return "".join(parts), len(rows)


def qr_text(text: str) -> str:
    """The code in half blocks, light on dark as on most terminals: what is drawn is white."""
    rows = [[not one for one in row] for row in _rows(text)]
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return "\n".join(
        "".join(_HALVES[top, below] for top, below in zip(upper, lower, strict=True)) for upper, lower in pairs
    )
