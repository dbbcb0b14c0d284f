// The figures of one date as cards, of all dates as a chart and a table, and of the units as a table.

const INDICATOR_COLUMNS = {
  slum_m2: ['area', 'Slum area'],
  slum_low_m2: ['area', 'Slum area, low end'],
  slum_high_m2: ['area', 'Slum area, high end'],
  slum_share: ['percent', 'Share'],
  settlements: ['count', 'Settlements'],
  largest_m2: ['area', 'Largest'],
  growth_m2: ['area', 'Growth'],
  loss_m2: ['area', 'Loss'],
  annual_rate: ['percent', 'Change a year'],
  slum_pop: ['count', 'People in slum areas'],
  pop: ['count', 'People'],
  pop_share: ['percent', 'Share of the people'],
  covered: ['percent', 'Mapped'],
};

function drawCards(date, previous, confidence) {
  const { figures } = date;
  const before = previous ? previous.figures : {};
  const cards = [areaCard(figures, before, confidence)];
  const seen = Number.isFinite(figures.covered);
  if (Number.isFinite(figures.slum_share)) {
    cards.push(card(`Share of the ${seen ? 'mapped ground' : 'whole units'}`, percent(figures.slum_share)));
  }
  cards.push(card('Settlements', number(figures.settlements, 0), [
    Number.isFinite(before.settlements) ? `${number(before.settlements, 0)} on ${day(previous.id)}` : '',
    Number.isFinite(figures.largest_m2) ? `largest ${area(figures.largest_m2)}` : '',
  ]));
  if (Number.isFinite(figures.growth_m2)) cards.push(card('Growth', area(figures.growth_m2), sinceLine(previous), 'growth'));
  if (Number.isFinite(figures.loss_m2)) cards.push(card('Loss', area(figures.loss_m2), sinceLine(previous), 'loss'));
  if (Number.isFinite(figures.slum_pop)) {
    const share = Number.isFinite(figures.pop_share) ? [`${percent(figures.pop_share)} of all`] : [];
    cards.push(card('People in slum areas', number(figures.slum_pop, 0), share));
  }
  byId('cards').replaceChildren(...cards);
  byId('figures-heading').textContent = `Figures for ${day(date.id)}`;
  const covered = seen ? ', as far as imagery covers them.' : '. The table does not say how much of them imagery covers.';
  byId('figures-note').textContent = figures.scope === 'units' ? `Within all wards or units${covered}` : 'Of all outlines on the map.';
}

function sinceLine(previous) {
  return previous ? [`since ${day(previous.id)}`] : [];
}

function card(title, value, lines = [], kind = '') {
  return make('div', { className: `card ${kind}` }, make('h3', {}, title), make('p', { className: 'value' }, value),
    ...lines.filter(Boolean).map((line) => make('p', { className: 'quiet small' }, line)));
}

function areaCard(figures, before, confidence) {
  const lines = [];
  const { estimate_m2: estimate, low_m2: low, high_m2: high } = figures;
  if (Number.isFinite(estimate)) lines.push(`Corrected for map errors: ${area(estimate)}`);
  if (Number.isFinite(low) && Number.isFinite(high)) {
    lines.push(`${percent(confidence, 0)} interval: ${area(low)} to ${area(high)}`);
  } else {
    lines.push('As mapped; its error has not been assessed');
  }
  if (Number.isFinite(before.area_m2)) {
    lines.push(`${changeOfArea(figures.area_m2 - before.area_m2)} as mapped since the date before`);
  }
  return card('Slum area', area(figures.area_m2), lines, 'first');
}

/** The points of the chart for all units together (no name) or for one. */
function seriesOf(content, unit) {
  if (!unit) {
    return content.dates.map(({ id, figures }) => ({
      date: id, m2: figures.area_m2, low: figures.low_m2, high: figures.high_m2, estimate: figures.estimate_m2,
    }));
  }
  return content.indicators.rows.filter((row) => row.unit === unit && Number.isFinite(row.slum_m2))
    .map((row) => ({ date: row.date, m2: row.slum_m2, low: row.slum_low_m2, high: row.slum_high_m2 }));
}

function intervalColumn(label, rows) {
  const unit = areaUnit(rows.map((row) => row.high_m2));
  const end = (m2) => number(m2 / unit.m2, unit.decimals);
  return {
    label: `${label} (${unit.name})`,
    kind: 'number',
    text: (row) => (Number.isFinite(row.low_m2) ? `${end(row.low_m2)} to ${end(row.high_m2)}` : '–'),
  };
}

function drawTimeTable(content, confidence) {
  const rows = content.dates.map(({ id, figures }) => ({ date: id, ...figures }));
  const known = (key) => rows.some((row) => Number.isFinite(row[key]));
  const percentile = percent(confidence, 0);
  const columns = [
    dateColumn('date', 'Date'),
    areaColumn('area_m2', 'Mapped', rows),
    ...(known('estimate_m2') ? [areaColumn('estimate_m2', 'Corrected', rows)] : []),
    ...(known('low_m2') ? [intervalColumn(`${percentile} interval`, rows)] : []),
    numberColumn('settlements', 'Settlements', 0),
    ...(known('growth_m2') ? [areaColumn('growth_m2', 'Growth', rows), areaColumn('loss_m2', 'Loss', rows)] : []),
  ];
  const head = make('tr', {}, ...columns.map(({ label, kind }) => (
    make('th', { scope: 'col', className: kind }, label))));
  const body = rows.map((row) => make('tr', {}, make('th', { scope: 'row', className: 'date' }, columns[0].text(row)),
    ...columns.slice(1).map(({ text }) => make('td', { className: 'number' }, text(row)))));
  return make('div', { className: 'scroll', tabIndex: 0, role: 'group', 'aria-label': 'Figures by date' },
    make('table', { className: 'compact' }, make('caption', { className: 'unseen' }, 'Figures by date'), make('thead', {}, head), make('tbody', {}, ...body)));
}

/** The table of units on one date. */
function makeUnitTable(content, date, onPick) {
  const { columns, rows, totals } = content.indicators;
  const all = [...rows, ...totals];
  const makers = {
    area: (key, label) => areaColumn(key, label, all),
    percent: percentColumn,
    count: (key, label) => numberColumn(key, label, 0),
  };
  const shown = Object.entries(INDICATOR_COLUMNS).filter(([key]) => columns.includes(key))
    .map(([key, [kind, label]]) => makers[kind](key, label));
  return new DataTable(byId('units'), {
    caption: `Wards or other units on ${day(date)}`,
    columns: [textColumn('unit', 'Ward or unit'), ...shown],
    rows: rows.filter((row) => row.date === date),
    totals: totals.filter((row) => row.date === date),
    sort: { key: 'slum_m2', down: true },
    onPick,
    file: `slum_areas_by_unit_${date}.csv`,
  });
}
