// Numbers in the reader's own manner. Areas come in m²; here they only change their unit.

const HECTARE_M2 = 1e4;
const KM2_M2 = 1e6;
/** From ten square kilometres on, hectares are too many digits. */
const LARGE_M2 = 1e7;

const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });

function number(value, decimals) {
  const options = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
  return value.toLocaleString(undefined, options).replace('-', '−');
}

/** The unit in which a group of areas is told: its largest decides. */
function areaUnit(areas) {
  const largest = Math.max(0, ...areas.filter(Number.isFinite).map(Math.abs));
  if (largest >= LARGE_M2) return { name: 'km²', m2: KM2_M2, decimals: 2 };
  return { name: 'ha', m2: HECTARE_M2, decimals: largest >= 100 * HECTARE_M2 ? 1 : 2 };
}

function area(m2, unit = areaUnit([m2])) {
  return `${number(m2 / unit.m2, unit.decimals)} ${unit.name}`;
}

function signed(text, value) {
  return value > 0 ? `+${text}` : text;
}

function changeOfArea(m2, unit) {
  return signed(area(m2, unit), m2);
}

function percent(share, decimals = 1) {
  return `${number(share * 100, decimals)} %`;
}

function day(iso) {
  return DAY.format(new Date(`${iso}T00:00:00Z`));
}

function plural(count, one, many) {
  return `${number(count, 0)} ${count === 1 ? one : many}`;
}

/** The rounded number as a machine reads it: a full stop, no grouping. */
function plain(value, decimals) {
  return value.toFixed(decimals);
}
