// A table that can be searched, sorted and saved. The saved file holds what the table shows: the
// same rows in the same order, all pages of them, with the same rounding.

const PAGE_ROWS = 50;

class DataTable {
  /**
   * @param {HTMLElement} host where to put it
   * @param {object} options
   * @param {string} options.caption what it shows, for those who do not see it
   * @param {object[]} options.columns made by textColumn, numberColumn …; the first names the row
   * @param {object[]} options.rows
   * @param {object[]} [options.totals] rows that stay below, neither searched nor sorted
   * @param {{key: string, down: boolean}} options.sort the order to begin with
   * @param {function(object)} [options.onPick] called with the row whose name is chosen
   * @param {string} options.file name of the file to save
   */
  constructor(host, options) {
    Object.assign(this, { totals: [], onPick: null }, options);
    this.query = '';
    this.pages = 1;
    this.table = make('table');
    this.status = make('span', { className: 'quiet', role: 'status' });
    this.more = makeButton('Show more rows', () => this.#showMore());
    host.replaceChildren(this.#makeTools(), make('div', { className: 'scroll', tabIndex: 0, role: 'group', 'aria-label': this.caption }, this.table), this.more);
    this.draw();
  }

  #makeTools() {
    const search = make('input', { type: 'search', 'aria-label': `Search: ${this.caption}`, placeholder: 'Search' });
    search.addEventListener('input', () => this.#search(search.value));
    return make('div', { className: 'controls' }, search, makeButton('Save as CSV', () => this.save()), this.status);
  }

  #search(text) {
    this.query = text.trim().toLocaleLowerCase();
    this.pages = 1;
    this.draw();
  }

  #showMore() {
    this.pages += 1;
    this.draw();
  }

  /** The rows that are searched for, in order; those without a value come last. */
  matching() {
    const { key, down } = this.sort;
    const column = this.columns.find((candidate) => candidate.key === key);
    const found = this.rows.filter((row) => (
      this.columns.some(({ text }) => text(row).toLocaleLowerCase().includes(this.query))));
    return found.sort((one, other) => compare(column.value(one), column.value(other), down));
  }

  draw() {
    const rows = this.matching();
    const shown = rows.slice(0, this.pages * PAGE_ROWS);
    this.table.replaceChildren(
      make('caption', { className: 'unseen' }, this.caption),
      make('thead', {}, make('tr', {}, ...this.columns.map((column) => this.#heading(column)))),
      make('tbody', {}, ...shown.map((row) => this.#row(row, this.onPick))),
      make('tfoot', {}, ...this.totals.map((row) => this.#row(row, null))),
    );
    this.more.hidden = shown.length === rows.length;
    this.status.textContent = `${number(shown.length, 0)} of ${number(rows.length, 0)} rows`;
  }

  #heading(column) {
    const { key, down } = this.sort;
    const chosen = key === column.key;
    const order = down ? 'descending' : 'ascending';
    const sign = make('span', { className: 'arrow', 'aria-hidden': 'true' }, chosen ? (down ? ' ▼' : ' ▲') : '');
    const button = makeButton(column.label, () => this.#sortBy(column), { className: 'sort' });
    button.append(sign);
    const heading = make('th', { scope: 'col', className: column.kind }, button);
    if (chosen) heading.setAttribute('aria-sort', order);
    return heading;
  }

  #sortBy(column) {
    const again = this.sort.key === column.key;
    this.sort = { key: column.key, down: again ? !this.sort.down : column.kind === 'number' };
    this.draw();
    // Drawn anew: the button that was pressed keeps the focus.
    this.table.querySelectorAll('th button')[this.columns.indexOf(column)].focus();
  }

  #row(row, onPick) {
    const [first, ...others] = this.columns;
    const name = onPick ? makeButton(first.text(row), () => onPick(row), { className: 'link' }) : first.text(row);
    return make('tr', {}, make('th', { scope: 'row' }, name), ...others.map(({ text, kind, node = text }) => (
      make('td', { className: kind }, node(row)))));
  }

  csv() {
    const lines = [this.columns.map(({ label }) => csvText(label))];
    for (const row of [...this.matching(), ...this.totals]) {
      lines.push(this.columns.map(({ machine }) => machine(row)));
    }
    return lines.map((cells) => `${cells.join(',')}\r\n`).join('');
  }

  save() {
    // The mark at the front tells Excel that the file is UTF-8.
    const url = URL.createObjectURL(new Blob(['\ufeff', this.csv()], { type: 'text/csv;charset=utf-8' }));
    make('a', { href: url, download: this.file }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }
}

function compare(one, other, down) {
  const known = (value) => value !== undefined && value !== '';
  if (!known(one) || !known(other)) return known(other) - known(one);
  const order = typeof one === 'string' ? one.localeCompare(other, undefined, { numeric: true }) : one - other;
  return down ? -order : order;
}

/** A text as a CSV cell; one that a spreadsheet would run as a formula is made a text. */
function csvText(text) {
  const guarded = /^[\s]*[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n;]/.test(guarded) ? `"${guarded.replaceAll('"', '""')}"` : guarded;
}

function textColumn(key, label, text = (row) => row[key] || '') {
  return { key, label, kind: 'text', value: text, text, machine: (row) => csvText(text(row)) };
}

function dateColumn(key, label) {
  return {
    key, label, kind: 'date',
    value: (row) => row[key],
    text: (row) => (row[key] ? day(row[key]) : ''),
    node: (row) => (row[key] ? make('time', { dateTime: row[key] }, day(row[key])) : ''),
    machine: (row) => row[key] || '',
  };
}

/** Numbers divided by `per` (a unit) and rounded; missing ones are shown as a dash. */
function numberColumn(key, label, decimals, per = 1) {
  const value = (row) => (Number.isFinite(row[key]) ? row[key] / per : undefined);
  const told = (row, tell, none) => (value(row) === undefined ? none : tell(value(row), decimals));
  return {
    key, label, kind: 'number', value,
    text: (row) => told(row, number, '–'),
    machine: (row) => told(row, plain, ''),
  };
}

/** Areas of a whole column in one unit, so that they can be compared. */
function areaColumn(key, label, rows) {
  const unit = areaUnit(rows.map((row) => row[key]));
  return numberColumn(key, `${label} (${unit.name})`, unit.decimals, unit.m2);
}

/** The same numbers with their sign. */
function signedColumn(column) {
  return { ...column, text: (row) => signed(column.text(row), column.value(row)) };
}

function percentColumn(key, label) {
  return numberColumn(key, `${label} (%)`, 1, 0.01);
}
