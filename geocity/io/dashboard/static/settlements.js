// The list of settlements by growth, and what is known of the chosen one.

const STATUS = {
  first: 'There from the start', kept: 'Kept', new: 'New', grown: 'Grown', shrunk: 'Shrunk', merged: 'Merged', split: 'Split', gone: 'Gone',
};

function statusName(status) {
  return STATUS[status] || status || '';
}

function fateOf({ status, joined }) {
  return joined ? `Merged into ${joined}` : statusName(status);
}

class Settlements {
  constructor(content, map) {
    this.content = content;
    this.map = map;
    this.list = content.settlements;
    byId('settlements-section').hidden = false;
    const followed = content.followed;
    this.table = new DataTable(byId('settlements'), {
      caption: followed ? 'Settlements by growth since the date before' : 'Slum areas of the newest date',
      columns: followed ? this.#columns() : [textColumn('name', 'Slum area'), areaColumn('area_m2', 'Area', this.list)],
      rows: this.list,
      sort: { key: followed ? 'change_m2' : 'area_m2', down: true },
      onPick: (settlement) => this.choose(settlement),
      file: 'settlements.csv',
    });
    if (!followed) byId('settlements-heading').textContent = 'Slum areas';
  }

  #columns() {
    return [
      textColumn('name', 'Settlement'),
      signedColumn(areaColumn('change_m2', 'Growth', this.list)),
      areaColumn('area_m2', 'Area', this.list),
      textColumn('status', 'Status', fateOf),
      dateColumn('first_seen', 'First seen'),
    ];
  }

  chooseByName(name) {
    this.choose(this.list.find((candidate) => candidate.name === name));
  }

  choose(settlement) {
    this.map.goTo(settlement.bounds, this.#shapesOf(settlement));
    this.#tell(settlement);
  }

  /** Its outlines on the newest date that shows it; none where outlines are a picture. */
  #shapesOf(settlement) {
    const layers = this.content.dates.map((date) => date.outlines).filter(({ kind }) => kind === 'vector').reverse();
    if (!this.content.followed) {
      return layers.length ? [layers[0].shapes[this.list.indexOf(settlement)]] : [];
    }
    const found = layers.map(({ shapes, settlements }) => (
      shapes.filter((_, index) => settlements[index] === settlement.name)));
    return found.find((shapes) => shapes.length) || [];
  }

  #tell(settlement) {
    const facts = settlement.joined ? [] : [['Area', area(settlement.area_m2)]];
    if (this.content.followed) {
      facts.unshift(['Status', fateOf(settlement)], ['First seen', day(settlement.first_seen)]);
    }
    if (Number.isFinite(settlement.change_m2)) {
      facts.push(['Growth since the date before', changeOfArea(settlement.change_m2)]);
    }
    const parts = [
      make('h3', {}, settlement.name),
      make('dl', {}, ...facts.map(([term, text]) => make('div', {}, make('dt', {}, term), make('dd', {}, text)))),
    ];
    if (settlement.history) parts.push(historyTable(settlement));
    byId('settlement').replaceChildren(...parts);
  }
}

function historyTable({ name, history }) {
  const unit = areaUnit(history.map((state) => state.area_m2));
  const largest = Math.max(...history.map((state) => state.area_m2));
  const rows = history.map((state) => make('tr', {},
    make('th', { scope: 'row', className: 'date' }, day(state.date)),
    make('td', {}, statusName(state.status) + kin(state)),
    make('td', { className: 'number' }, area(state.area_m2, unit)),
    make('td', {}, bar(state.area_m2 / largest))));
  return make('table', {}, make('caption', {}, `Area history of ${name}`),
    make('thead', {}, make('tr', {}, ...['Date', 'Status', 'Area', ''].map((text, index) => (
      text ? make('th', { scope: 'col', className: index === 2 ? 'number' : '' }, text) : make('td'))))),
    make('tbody', {}, ...rows));
}

/** Whom a settlement merged with or split from. */
function kin({ status, parents }) {
  if (!parents) return '';
  return status === 'merged' ? ` (with ${parents})` : ` (from ${parents})`;
}

/** A length that shows a share; the number stands beside it. */
function bar(share) {
  const svg = makeSvg('svg', { width: 90, height: 12, 'aria-hidden': 'true' });
  svg.append(makeSvg('rect', { width: Math.max(1, 90 * (share || 0)), height: 12, class: 'bar' }));
  return svg;
}
