// Puts the page together. A view says what is shown: `mode` (one, compare or change), the dates
// `left` and `right`, the `pair` of a change, and which layers are `shown`.

const content = JSON.parse(byId('content').textContent);
const newest = content.dates[content.dates.length - 1];
const confidence = content.assessments.length ? content.assessments[0].confidence : 0.95;

/** Width and height of the map on a page of A4, whatever the screen. */
const PAPER_PX = [690, 460];

let view = {
  mode: 'one',
  left: content.dates[0].id,
  right: newest.id,
  pair: content.pairs[content.pairs.length - 1] || null,
  shown: { imagery: true, outlines: true, units: true, growth: true, loss: true, persistent: true },
};
let settlements = null;
let chartUnit = '';

const map = new TrackerMap(content, (name) => settlements.chooseByName(name));

function update(changes) {
  const former = view;
  view = { ...view, ...changes };
  if (view.mode !== former.mode) drawControls();
  map.show(view);
  drawLegendAnew();
  if (view.right !== former.right || view.mode !== former.mode || view.pair !== former.pair) drawFigures();
}

/** Drawn anew, the legend would lose the focus of the box that was just used. */
function drawLegendAnew() {
  const focused = document.activeElement && document.activeElement.id;
  drawLegend(content, view, update);
  if (focused && focused.startsWith('show-') && byId(focused)) byId(focused).focus();
}

function drawControls() {
  const days = content.dates.map(({ id }) => [id, day(id)]);
  const fields = [];
  const dateField = (id, label, key) => {
    const { select, field } = makeSelect(id, label, days, (value) => update({ [key]: value }));
    select.value = view[key];
    return field;
  };
  if (view.mode === 'one' && days.length > 1) fields.push(dateField('date', 'Date', 'right'));
  if (view.mode === 'compare') {
    fields.push(dateField('date-left', 'Left', 'left'), dateField('date-right', 'Right', 'right'));
  }
  if (view.mode === 'change') fields.push(pairField());
  byId('fields').replaceChildren(...fields);
}

function pairField() {
  if (content.pairs.length === 1) {
    return make('span', { className: 'field' }, `${day(view.pair.from)} to ${day(view.pair.to)}`);
  }
  const options = content.pairs.map(({ id, from, to }) => [id, `${day(from)} to ${day(to)}`]);
  const { select, field } = makeSelect('pair', 'Between', options, (id) => (
    update({ pair: content.pairs.find((pair) => pair.id === id) })));
  select.value = view.pair.id;
  return field;
}

function drawModes() {
  const modes = [['one', 'One date']];
  if (content.dates.length > 1) modes.push(['compare', 'Compare']);
  if (content.pairs.length) modes.push(['change', 'Change']);
  const parts = modes.length > 1 ? [makeRadios('mode', 'Show', modes, view.mode, (mode) => update({ mode }))] : [];
  byId('controls').replaceChildren(
    ...parts,
    make('div', { className: 'fields', id: 'fields' }),
  );
}

/** The date that figures and tables speak of. */
function figureDate() {
  const id = view.mode === 'change' ? view.pair.to : view.right;
  return content.dates.find((date) => date.id === id) || newest;
}

function drawFigures() {
  const date = figureDate();
  drawCards(date, content.dates[content.dates.indexOf(date) - 1], confidence);
  if (content.indicators && content.indicators.rows.length) {
    byId('units-section').hidden = false;
    makeUnitTable(content, date.id, pickUnit);
  }
}

function pickUnit({ unit }) {
  setChartUnit(unit);
  const index = content.units ? content.units.names.indexOf(unit) : -1;
  if (index < 0) return;
  const { layer, bounds } = content.units;
  map.goTo(bounds[index], [layer.shapes[index]]);
}

function setChartUnit(unit) {
  chartUnit = unit;
  if (byId('chart-unit')) byId('chart-unit').value = unit;
  if (!byId('chart-section').hidden) drawChart(seriesOf(content, unit), unit || 'all areas');
}

function drawTime() {
  if (content.dates.length < 2) return;
  byId('chart-section').hidden = false;
  if (content.indicators && content.indicators.rows.length) {
    const units = [...new Set(content.indicators.rows.map((row) => row.unit))];
    const options = [['', 'All areas'], ...units.map((unit) => [unit, unit])];
    byId('chart-controls').replaceChildren(makeSelect('chart-unit', 'Of', options, setChartUnit).field);
  }
  byId('chart').after(drawTimeTable(content, confidence));
  setChartUnit('');
  new ResizeObserver(() => setChartUnit(chartUnit)).observe(byId('chart-section'));
}

function drawHeader() {
  const days = content.dates.map(({ id }) => day(id));
  byId('title').textContent = content.title;
  byId('subtitle').textContent = days.length > 1
    ? `${plural(days.length, 'date', 'dates')}, ${days[0]} to ${days[days.length - 1]}` : days[0];
}

/** Map and chart are drawn in pixels: for paper they are drawn anew, before the browser asks. */
function printPage() {
  sizeFor(PAPER_PX);
  requestAnimationFrame(() => requestAnimationFrame(() => window.print()));
}

function sizeFor(paper) {
  map.fit(paper);
  byId('chart').style.width = paper ? `${paper[0]}px` : '';
  setChartUnit(chartUnit);
}

drawHeader();
drawModes();
drawControls();
map.show(view);
drawLegend(content, view, update);
drawFigures();
drawTime();
settlements = new Settlements(content, map);
drawMethod(content);
new ResizeObserver(() => map.map.invalidateSize({ animate: false })).observe(byId('map-frame'));
byId('whole-area').addEventListener('click', () => map.goHome());
byId('print').addEventListener('click', printPage);
window.addEventListener('afterprint', () => sizeFor(null));
