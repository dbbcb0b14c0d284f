// Where the figures come from, how good they are, and what they must not be used for.

const CAUTION = [
  'Naming a place a slum affects the people who live there: it can bring services, and it can bring evictions and stigma. '
    + 'Check these areas on the ground, with the people concerned, before they serve a decision about them.',
  'The map shows areas, not dwellings. It says nothing about any single house or household, about who holds which rights, '
    + 'or about how many people live there.',
];

function drawMethod(content) {
  const facts = [
    ...content.dates.map(dateFact),
    ...content.assessments.map(assessmentFact),
    ['Change', changeFact(content)],
    ['Growth and loss', growthFact(content)],
    ['Outlines', outlineFact(content)],
  ].filter(([, text]) => text);
  if (!content.assessments.length) {
    facts.push(['Accuracy', 'Not assessed. Without a reference sample nobody can say how far these figures are from the truth.']);
  }
  byId('method').replaceChildren(
    make('div', { className: 'caution', role: 'note' }, make('h3', {}, 'Use with care'), ...CAUTION.map((text) => make('p', {}, text))),
    ...content.notes.map((text) => make('p', {}, text)),
    make('dl', {}, ...facts.map(([term, text]) => make('div', {}, make('dt', {}, term), make('dd', {}, text)))),
  );
  byId('footer').textContent = `Made with ${content.made_with}. Map drawn with Leaflet. This page loads nothing from the network.`;
}

function dateFact(date) {
  const { sources, models, outlines } = date;
  const parts = [plural(outlines.count, 'outline', 'outlines')];
  if (sources.length) parts.push(`from ${sources.join(', ')}`);
  parts.push(models.length ? `drawn by the model ${models.join(', ')}` : 'model not stated');
  const images = date.imagery.map(({ name, cell_m: cell }) => `${name} (cells of ${number(cell, 2)} m)`);
  const shown = images.length ? ` Imagery shown: ${images.join(', ')}.` : '';
  return [day(date.id), `${parts.join(', ')}.${shown}`];
}

function assessmentFact(assessment) {
  const { overall, users, producers, area_m2: slum, mapped_m2: mapped } = assessment;
  const share = ({ value, low, high }) => `${percent(value, 0)} (${percent(low, 0)} to ${percent(high, 0)})`;
  const text = `By ${plural(assessment.reference, 'reference point', 'reference points')}: ${share(overall)} of the map is right; of what it calls `
    + `slum, ${share(users)} is; it shows ${share(producers)} of the slums. Corrected for these errors the slum area is ${area(slum.value)} `
    + `(${percent(assessment.confidence, 0)} interval ${area(slum.low)} to ${area(slum.high)}); as mapped it is ${area(mapped)}.`;
  return [`Accuracy, ${day(assessment.date)}`, text];
}

function changeFact({ pairs }) {
  const told = pairs.filter(({ figures }) => Number.isFinite(figures.common_m2)).map(({ from, to, figures }) => (
    `${day(from)} to ${day(to)}: compared on ${area(figures.common_m2)} that both dates show.`));
  return told.join(' ');
}

/** Two ways of counting growth stand side by side: say so. */
function growthFact({ pairs, dates }) {
  const both = pairs.length && dates.some(({ figures }) => figures.scope === 'units' && Number.isFinite(figures.growth_m2));
  return both ? 'The map and its legend show growth and loss as the comparison of the dates found them, which leaves out what '
    + 'the position of the images cannot tell. The figures and the wards count every difference between the outlines. The two differ a little.' : '';
}

function outlineFact({ tolerance_m: tolerance }) {
  return `Areas are measured on exact outlines; on this map borders are simplified by up to ${number(tolerance, 1)} m.`;
}
