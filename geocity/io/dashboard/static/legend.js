// The legend is also where layers are switched on and off.

function drawLegend(content, view, onChange) {
  const entries = view.mode === 'change' ? changeEntries(view.pair) : [{ kind: 'outlines', text: LOOKS.outlines.name }];
  if (content.dates.some((date) => date.imagery.length)) entries.push({ kind: 'imagery', text: 'Imagery' });
  if (content.units) entries.push({ kind: 'units', text: 'Wards or other units' });
  const items = entries.map(({ kind, text }) => legendItem(kind, text, view, onChange));
  byId('legend').replaceChildren(make('fieldset', {}, make('legend', {}, 'Legend'), ...items));
  byId('map-note').textContent = mapNote(content, view);
}

function changeEntries(pair) {
  return ['growth', 'loss', 'persistent'].map((kind) => (
    { kind, text: `${LOOKS[kind].name}, ${area(pair.figures[`${kind}_m2`] || 0)}` }));
}

function legendItem(kind, text, view, onChange) {
  const item = makeCheckbox(text, view.shown[kind], (on) => onChange({ shown: { ...view.shown, [kind]: on } }));
  item.firstChild.id = `show-${kind}`;
  if (LOOKS[kind]) item.insertBefore(swatch(kind), item.lastChild);
  if (kind === 'units') item.insertBefore(make('span', { className: 'swatch line' }), item.lastChild);
  return item;
}

/** Say what the map cannot show as it is. */
function mapNote(content, view) {
  const notes = [];
  const layers = view.mode === 'change'
    ? Object.values(view.pair.layers)
    : content.dates.filter(({ id }) => id === view.right || (view.mode === 'compare' && id === view.left))
      .map((date) => date.outlines);
  const pictures = layers.filter((layer) => layer.kind === 'picture');
  if (pictures.length) {
    const most = Math.max(...pictures.map((layer) => layer.count));
    notes.push(`${plural(most, 'polygon is', 'polygons are')} too many to draw one by one (the limit is `
      + `${number(content.max_vectors, 0)}): they are shown as a picture and cannot be clicked.`);
  }
  if (content.credit) notes.push(`Imagery: ${content.credit}`);
  return notes.join(' ');
}
