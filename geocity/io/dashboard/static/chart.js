// Area over time: a line on a true time axis, with the interval of each date where one is known.

const CHART = { height: 240, left: 58, right: 22, top: 18, bottom: 34, ticks: 4 };

const CHART_KEY = 'Dot: as mapped. Diamond: corrected for the errors of the map. Bar: its interval.';

/** @param {{date: string, m2: number, low: ?number, high: ?number, estimate: ?number}[]} points */
function drawChart(points, name) {
  const width = Math.max(300, byId('chart').clientWidth || 480);
  const unit = areaUnit(points.flatMap((point) => [point.m2, point.high]));
  const scale = chartScale(points, width, unit);
  const svg = makeSvg('svg', {
    viewBox: `0 0 ${width} ${CHART.height}`, width, height: CHART.height, role: 'img', 'aria-label': inWords(points, name, unit),
  });
  svg.append(...axes(points, scale, width, unit), ...marks(points, scale, unit));
  const notes = points.some(({ low }) => Number.isFinite(low))
    ? [make('p', { className: 'quiet small' }, CHART_KEY)] : [];
  byId('chart').replaceChildren(svg, ...notes);
}

function inWords(points, name, unit) {
  const told = points.map((point) => `${day(point.date)}: ${area(point.m2, unit)}${intervalInWords(point, unit)}`);
  return `Slum area over time, ${name}. ${told.join('; ')}.`;
}

function intervalInWords({ low, high }, unit) {
  return Number.isFinite(low) && Number.isFinite(high) ? ` (interval ${area(low, unit)} to ${area(high, unit)})` : '';
}

function chartScale(points, width, unit) {
  const times = points.map(({ date }) => Date.parse(date));
  const first = Math.min(...times);
  const span = Math.max(...times) - first;
  const step = niceStep(Math.max(...points.flatMap(({ m2, high, estimate }) => [m2, high || 0, estimate || 0])) / unit.m2);
  const top = step * CHART.ticks;
  const plot = { width: width - CHART.left - CHART.right - 40, height: CHART.height - CHART.top - CHART.bottom };
  return {
    step,
    x: (date) => CHART.left + 20 + (span ? ((Date.parse(date) - first) / span) * plot.width : plot.width / 2),
    y: (m2) => CHART.top + plot.height * (1 - m2 / unit.m2 / top),
  };
}

/** A round step of which four reach beyond the largest value. */
function niceStep(largest) {
  const raw = (largest * 1.05 || 1) / CHART.ticks;
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw);
}

function axes(points, scale, width, unit) {
  const parts = [];
  for (let tick = 0; tick <= CHART.ticks; tick += 1) {
    const y = scale.y(tick * scale.step * unit.m2);
    const text = (tick * scale.step).toLocaleString(undefined, { maximumFractionDigits: 3 });
    parts.push(makeSvg('line', { x1: CHART.left, x2: width - CHART.right, y1: y, y2: y, class: 'rule' }));
    parts.push(makeSvg('text', { x: CHART.left - 8, y: y + 4, 'text-anchor': 'end' }, text));
  }
  parts.push(makeSvg('text', { x: CHART.left - 8, y: 10, 'text-anchor': 'end' }, unit.name));
  let free = -Infinity;
  for (const { date } of points) {
    const x = scale.x(date);
    // A label that would touch the one before is left out; the table has them all.
    if (x - free > 84) {
      parts.push(makeSvg('text', { x, y: CHART.height - 10, 'text-anchor': 'middle' }, day(date)));
      free = x;
    }
  }
  return parts;
}

function marks(points, scale, unit) {
  const path = points.map(({ date, m2 }) => `${scale.x(date)},${scale.y(m2)}`).join(' ');
  const parts = [makeSvg('polyline', { points: path, class: 'series' })];
  for (const point of points) {
    const x = scale.x(point.date);
    if (Number.isFinite(point.low) && Number.isFinite(point.high)) parts.push(...whisker(x, point, scale));
    parts.push(makeSvg('circle', { cx: x, cy: scale.y(point.m2), r: 5, class: 'dot' },
      makeSvg('title', {}, `${day(point.date)}: ${area(point.m2, unit)}${intervalInWords(point, unit)}`)));
  }
  return parts;
}

function whisker(x, { low, high, estimate }, scale) {
  const [bottom, top] = [scale.y(low), scale.y(high)];
  const parts = [[x, x, bottom, top], [x - 7, x + 7, bottom, bottom], [x - 7, x + 7, top, top]]
    .map(([x1, x2, y1, y2]) => makeSvg('line', { x1, x2, y1, y2, class: 'whisker' }));
  if (Number.isFinite(estimate)) {
    const y = scale.y(estimate);
    parts.push(makeSvg('path', { d: `M${x - 6},${y} L${x},${y - 6} L${x + 6},${y} L${x},${y + 6} Z`, class: 'estimate' }));
  }
  return parts;
}
