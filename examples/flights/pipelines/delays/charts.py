"""Two kinds of picture, as SVG text."""

from html import escape

WIDTH, HEIGHT, LABEL, ROW = 720, 260, 200, 24


def bars(rows, *, unit):
    """Horizontal bars of ``(label, value)``."""
    longest = max((value for _, value in rows), default=0) or 1
    room = WIDTH - LABEL - 80
    parts = []
    for at, (label, value) in enumerate(rows):
        y, length = at * ROW, max(value, 0) / longest * room
        parts.append(f'<text x="{LABEL - 8}" y="{y + 16}" text-anchor="end">{escape(label)}</text>')
        parts.append(f'<rect x="{LABEL}" y="{y + 4}" width="{length:.1f}" height="16" rx="2"/>')
        parts.append(f'<text x="{LABEL + length + 6:.1f}" y="{y + 16}">{value:.1f} {unit}</text>')
    return svg(len(rows) * ROW, parts, 'fill="#0072b2"')


def lines(series, colours, *, unit):
    """A line for each name of ``series``, whose points are ``(day of the year, value)``."""
    months = {1: "January", 91: "April", 182: "July", 274: "October"}
    values = [value for points in series.values() for _, value in points]
    top, bottom = max(values, default=1), min([0, *values])
    scale = (HEIGHT - 48) / ((top - bottom) or 1)

    def y(value):
        return HEIGHT - 24 - (value - bottom) * scale

    parts = [
        f'<line x2="{WIDTH}" y1="{y(level):.1f}" y2="{y(level):.1f}" stroke="currentColor"'
        ' opacity="0.15"/>'
        f'<text x="0" y="{y(level) - 4:.1f}">{level:.0f} {unit}</text>'
        for level in (0, top / 2, top)
    ]
    parts += [
        f'<text x="{day / 366 * WIDTH:.1f}" y="{HEIGHT - 2}">{month}</text>'
        for day, month in months.items()
    ]
    for at, (name, points) in enumerate(series.items()):
        path = " ".join(f"{day / 366 * WIDTH:.1f},{y(value):.1f}" for day, value in points)
        parts.append(f'<polyline points="{path}" stroke="{colours[name]}" stroke-width="1.6"/>')
        parts.append(
            f'<text x="{WIDTH - 150 + at * 50}" y="14" style="fill: {colours[name]}">{name}</text>'
        )
    return svg(HEIGHT, parts, 'fill="none"')


def svg(height, parts, style):
    """The picture around its parts."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="100%" role="img" {style}>'
        f"{''.join(parts)}</svg>"
    )
