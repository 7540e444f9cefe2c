#!/usr/bin/env python3
"""The plots of docs/BENCHMARKS.md as SVG files that fit a light and a dark page. The standard library is enough.

    Benchmarks/plot.py latency OUT.svg RESULT.json...   percentile curves of every group of results of `fanfare bench`
    Benchmarks/plot.py depths OUT.svg                   the table "By depth" of docs/BENCHMARKS.md, beside its goals
    Benchmarks/plot.py peers OUT.svg TABLE              what Benchmarks/peers/run.py has printed, or a page that holds it
"""

import json
import math
import pathlib
import sys
from xml.sax.saxutils import escape

BENCHMARKS = pathlib.Path(__file__).resolve().parents[1] / "docs" / "BENCHMARKS.md"
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 380, 74, 16, 62, 50
STYLE = """
  .ground { fill: #fcfcfb } text { fill: #1a1a19; font: 13px system-ui, sans-serif } .quiet { fill: #66655f }
  .grid { stroke: #e4e3de } polyline { fill: none; stroke-width: 2; stroke-linejoin: round } .goal { fill: none; stroke-width: 2 }
  .s0 { stroke: #2a78d6 } .s1 { stroke: #1baf7a } .s2 { stroke: #c77700 } .s3 { stroke: #7a4fc9 } .s4 { stroke: #d0437d } .s5 { stroke: #5b6470 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #1a1a19 } text { fill: #f0efe9 } .quiet { fill: #a5a49c } .grid { stroke: #383835 }
    .s0 { stroke: #5b9ff0 } .s1 { stroke: #2fbf8c } .s2 { stroke: #dc9a33 } .s3 { stroke: #a98df0 } .s4 { stroke: #f07aa8 } .s5 { stroke: #a3adba }
  }
"""


def power_of_ten(value, up):
    return 10 ** (math.ceil if up else math.floor)(math.log10(value))


def opening(title, height):
    """The beginning of a picture."""
    return [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">',
            f"<style>{STYLE}</style>", f'<rect class="ground" width="{WIDTH}" height="{height}" rx="6"/>',
            f'<text x="{LEFT}" y="22" font-weight="600">{escape(title)}</text>']


def key(x, colour, label):
    """What a colour stands for."""
    return [f'<line class="s{colour}" x1="{x}" x2="{x + 16}" y1="40" y2="40" stroke-width="3"/>',
            f'<text x="{x + 22}" y="44">{escape(label)}</text>']


def chart(title, lines, x_ticks, x_title, y_text, goals=()):
    """`lines` and `goals` are (label, colour, [(x, y)]); `x_ticks` are (x, text). The axis of y is logarithmic."""
    points = [point for _, _, points in [*lines, *goals] for point in points]
    x_least, x_most = x_ticks[0][0], max(max(x for x, _ in points), x_ticks[-1][0])
    y_least = power_of_ten(min(y for _, y in points), up=False)
    y_most = max(power_of_ten(max(y for _, y in points), up=True), 10 * y_least)
    place_x = lambda x: LEFT + (x - x_least) / (x_most - x_least) * (WIDTH - LEFT - RIGHT)
    place_y = lambda y: HEIGHT - BOTTOM - math.log10(y / y_least) / math.log10(y_most / y_least) * (HEIGHT - TOP - BOTTOM)
    svg = opening(title, HEIGHT)
    y = y_least
    while y <= y_most * 1.001:
        svg += [f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{place_y(y):.1f}" y2="{place_y(y):.1f}"/>',
                f'<text class="quiet" x="{LEFT - 8}" y="{place_y(y) + 4:.1f}" text-anchor="end">{escape(y_text(y))}</text>']
        y *= 10
    svg += [f'<text class="quiet" x="{place_x(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(text)}</text>'
            for x, text in x_ticks]
    svg.append(f'<text class="quiet" x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_title)}</text>')
    left = LEFT
    for label, colour, _ in lines:
        svg += key(left, colour, label)
        left += 40 + 7 * len(label)
    for label, _, _ in goals[:1]:
        svg += [f'<circle class="goal s5" cx="{left + 8}" cy="40" r="5"/>', f'<text x="{left + 22}" y="44">{escape(label)}</text>']
    for _, colour, points in lines:
        path = " ".join(f"{place_x(x):.1f},{place_y(y):.1f}" for x, y in points)
        svg.append(f'<polyline class="s{colour}" points="{path}"/>')
    svg += [f'<circle class="goal s{colour}" cx="{place_x(x):.1f}" cy="{place_y(y):.1f}" r="5"/>'
            for _, colour, points in goals for x, y in points]
    return "\n".join([*svg, "</svg>", ""])


def time(nanoseconds):
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:g} {unit}"
    return f"{nanoseconds:g} ns"


def latency(paths):
    lines = []
    nines = lambda share, count: -math.log10(1 - share) if share < 1 else math.log10(max(count, 1))
    for path in paths:
        result = json.loads(pathlib.Path(path).read_text())
        prefix = f"{result['profile']}: " if len(paths) > 1 else ""
        for group in result["subscribers"]:
            curve, count = group["latency_ns"]["curve"], group["latency_ns"]["count"]
            lines.append((prefix + group["title"], len(lines) % 6, [(nines(share, count), max(value, 1)) for share, value in curve]))
    most = max(x for _, _, points in lines for x, _ in points)
    ticks = [(nines(share, 1), f"p{100 * share:g}") for share in (0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999) if nines(share, 1) <= most]
    return chart("Latency from the planned send to the receipt", lines, ticks, "percentile", time)


def rows(heading):
    """The rows of the first table under `heading`, as cells."""
    section = BENCHMARKS.read_text().split(f"### {heading}\n")[1].split("\n#")[0]
    table = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in table]


# By depth, as multiples of the C loop's sends in a good hour: docs/BENCHMARKS.md, "By depth".
GOALS = {"plain": {1: 0.95, 16: 16, 64: 22, 256: 22}, "TLS": {1: 0.95, 16: 11.5, 64: 17.5, 256: 17.5}}


def depths():
    header, *table = rows("By depth")
    of = lambda subscribers, column: [(math.log2(int(row[1])), float(row[header.index(column) + 1])) for row in table
                                      if row[0] == subscribers]
    lines = [(f"{subscribers} {kind}", colour, of(subscribers, kind))
             for colour, (subscribers, kind) in enumerate((n, kind) for n in ("1,000", "10,000") for kind in ("plain", "TLS"))]
    goals = [("goal at 1,000", colour, [(math.log2(depth), ratio) for depth, ratio in GOALS[kind].items()])
             for colour, kind in enumerate(("plain", "TLS"))]
    ticks = [(math.log2(depth), str(depth)) for depth in (1, 16, 64, 256)]
    return chart("Deliveries as a multiple of the C loop's sends", lines, ticks, "events under way", lambda y: f"{y:g}", goals)


def count(text):
    """`1.90 M` and `101 k`, as run.py writes them."""
    number, unit = text.split()
    return float(number) * {"k": 1e3, "M": 1e6}[unit]


def peers(text):
    """Deliveries a second of each row with 1 and with 16 under way, as bars."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| | deliveries/s, 1 under way |"))
    values = {}
    for line in lines[start + 2:]:
        if not line.startswith("| "):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[1] and cells[3]:  # else it was not measured
            values[cells[0].split(";")[0]] = [count(cells[column]) for column in (1, 3)]
    most, left, step = max(max(pair) for pair in values.values()), 250, 46
    height = TOP + step * len(values) + 12
    title = "Deliveries a second"
    svg = opening(title, height)
    for index, text in enumerate(("1 under way", "16 under way")):
        svg += key(left + 110 * index, index, text)
    for number, (name, pair) in enumerate(values.items()):
        top = TOP + step * number
        svg.append(f'<text x="{left - 10}" y="{top + 20}" text-anchor="end">{escape(name)}</text>')
        for index, value in enumerate(pair):
            width = value / most * (WIDTH - left - 90)
            svg += [f'<line class="s{index}" x1="{left}" x2="{left + width:.1f}" y1="{top + 8 + 17 * index}" y2="{top + 8 + 17 * index}" '
                    'stroke-width="12"/>',
                    f'<text class="quiet" x="{left + width + 8:.1f}" y="{top + 12 + 17 * index}">{value:,.0f}</text>']
    return "\n".join([*svg, "</svg>", ""])


def main():
    match sys.argv[1:]:
        case ["latency", out, _, *_]:
            svg = latency(sys.argv[3:])
        case ["depths", out]:
            svg = depths()
        case ["peers", out, table]:
            svg = peers(pathlib.Path(table).read_text())
        case _:
            print(__doc__, file=sys.stderr)
            return 64
    pathlib.Path(out).write_text(svg)
    return 0


sys.exit(main())
