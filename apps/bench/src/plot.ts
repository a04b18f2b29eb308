/** Lines in a square of SVG, for figures that depend on one number. */
import type { Absence, Plot, Row } from './bench.ts';

const [WIDTH, HEIGHT, MARGIN] = [720, 420, 60];
const colours = ['#0b6', '#06c', '#c50', '#a3a', '#777', '#b90'];

type Point = NonNullable<Row['point']>;

export function drawPlot(title: string, plot: Plot, rows: readonly (Row | Absence)[]): string {
  const points = rows.flatMap((row) => ('point' in row && row.point ? [row.point] : []));
  const series = [...new Set(points.map((point) => point.series))];
  const place = placing(points);
  const lines = series.map((name, at) => {
    const own = points.filter((point) => point.series === name);
    return drawSeries(name, own, place, at);
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(WIDTH / 2, 20, title, 'middle'),
    text(WIDTH / 2, HEIGHT - 12, plot.x, 'middle'),
    text(8, 36, plot.y, 'start'),
    ...axisLabels(points, place),
    ...lines,
    '</svg>\n',
  ].join('\n');
}

type Place = (point: { readonly x: number; readonly y: number }) => readonly [number, number];

/** From nothing to the largest value on both axes. */
function placing(points: readonly Point[]): Place {
  const most = (values: readonly number[]) => Math.max(1e-9, ...values);
  const [maxX, maxY] = [most(points.map(({ x }) => x)), most(points.map(({ y }) => y))];
  return ({ x, y }) => [
    MARGIN + (x / maxX) * (WIDTH - 2 * MARGIN),
    HEIGHT - MARGIN - (y / maxY) * (HEIGHT - 2 * MARGIN),
  ];
}

function drawSeries(name: string, points: readonly Point[], place: Place, at: number): string {
  const colour = colours[at % colours.length]!;
  const path = points.map((point) =>
    place(point)
      .map((value) => value.toFixed(1))
      .join(','),
  );
  const dots = path.map((each) => {
    const [x, y] = each.split(',');
    return `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`;
  });
  const line = `<polyline points="${path.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`;
  const label = text(MARGIN + 12, MARGIN + 16 * at, name, 'start', colour);
  return [line, ...dots, label].join('\n');
}

function axisLabels(points: readonly Point[], place: Place): string[] {
  const xs = [...new Set(points.map(({ x }) => x))];
  const maxY = Math.max(0, ...points.map(({ y }) => y));
  const ys = [0, maxY / 2, maxY];
  return [
    ...xs.map((x) => text(place({ x, y: 0 })[0], HEIGHT - MARGIN + 18, String(x), 'middle')),
    ...ys.map((y) => text(MARGIN - 6, place({ x: 0, y })[1] + 4, y.toPrecision(3), 'end')),
    `<path d="M${MARGIN},${MARGIN} V${HEIGHT - MARGIN} H${WIDTH - MARGIN}" fill="none" stroke="#333"/>`,
  ];
}

function text(x: number, y: number, words: string, anchor: string, fill = '#222'): string {
  const safe = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${fill}">${safe}</text>`;
}
