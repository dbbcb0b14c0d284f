// The map: imagery and outlines of one date or two, change, and units, each in a pane of its own.

const PANES = {
  'imagery-left': 210,
  'imagery-right': 211,
  'outlines-left': 410,
  'outlines-right': 411,
  change: 420,
  units: 440,
  chosen: 450,
};
/** These only show something; a click goes through to what lies below. */
const SEE_THROUGH = ['imagery-left', 'imagery-right', 'units', 'chosen'];
const MAX_UNIT_LABELS = 60;
const CLOSEST_ZOOM = 18;
/** As in tracker.css. */
const HANDLE_PX = 44;

/** Borders of units: a line and the halo that sets it off from any ground, by their CSS colours. */
const UNIT_LINES = { '--label-halo': 4, '--unit-line': 1.5 };

function unitStyle(name) {
  const color = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return { color, weight: UNIT_LINES[name], opacity: name === '--label-halo' ? 0.6 : 1 };
}

class TrackerMap {
  /**
   * @param {object} content what the page holds
   * @param {function(string)} onSettlement called with the name of a settlement chosen on the map
   */
  constructor(content, onSettlement) {
    this.content = content;
    this.onSettlement = onSettlement;
    this.made = new Map();
    this.unitLines = [];
    this.calm = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    this.map = L.map('map', {
      attributionControl: false, zoomSnap: 0.25, zoomDelta: 0.5, minZoom: 3, maxZoom: 21,
      zoomAnimation: !this.calm, fadeAnimation: !this.calm,
    });
    this.canvases = this.#makePanes();
    this.shown = L.layerGroup().addTo(this.map);
    this.chosen = L.layerGroup().addTo(this.map);
    L.control.scale({ maxWidth: 140, imperial: false }).addTo(this.map);
    this.map.fitBounds(leafletBounds(content.bounds), { animate: false });
    this.swipe = new Swipe(this.map);
    document.addEventListener('themechange', () => this.#recolour());
  }

  #makePanes() {
    const canvases = {};
    for (const [name, height] of Object.entries(PANES)) {
      const pane = this.map.createPane(name);
      pane.style.zIndex = height;
      if (SEE_THROUGH.includes(name)) pane.style.pointerEvents = 'none';
      if (!name.startsWith('imagery')) canvases[name] = L.canvas({ pane: name, padding: 0.3 });
    }
    return canvases;
  }

  /** Show what the view asks for; see main.js for what a view is. */
  show(view) {
    this.map.closePopup();
    this.shown.clearLayers();
    const right = view.mode === 'change' ? view.pair.to : view.right;
    this.#addDate(right, 'right', view);
    if (view.mode === 'compare') this.#addDate(view.left, 'left', view);
    if (view.mode === 'change') this.#addChange(view);
    if (view.shown.units && this.content.units) this.#add('units', () => this.#makeUnits());
    this.swipe.toggle(view.mode === 'compare', day(view.left), day(view.right));
  }

  #addDate(id, side, view) {
    const date = this.content.dates.find((candidate) => candidate.id === id);
    if (!date) return;
    if (view.shown.imagery) {
      this.#add(`imagery ${id} ${side}`, () => this.#makeImagery(date, side));
    }
    if (view.shown.outlines && view.mode !== 'change') {
      this.#add(`outlines ${id} ${side}`, () => this.#makeOutlines(date, side));
    }
  }

  #addChange(view) {
    for (const kind of ['persistent', 'growth', 'loss']) {
      if (view.shown[kind] && view.pair.layers[kind]) {
        this.#add(`${kind} ${view.pair.id}`, () => this.#makeChange(view.pair, kind));
      }
    }
  }

  /** Layers are made when they are first shown, and kept. */
  #add(key, maker) {
    if (!this.made.has(key)) this.made.set(key, maker());
    this.shown.addLayer(this.made.get(key));
  }

  #makeImagery(date, side) {
    const pictures = date.imagery.map(({ url, bounds }) => (
      L.imageOverlay(url, leafletBounds(bounds), { pane: `imagery-${side}`, alt: '' })));
    return L.layerGroup(pictures);
  }

  #makeOutlines(date, side) {
    return this.#makeAreas(date.outlines, LOOKS.outlines, `outlines-${side}`, (index) => (
      this.#aboutOutline(date, index)));
  }

  #makeChange(pair, kind) {
    return this.#makeAreas(pair.layers[kind], LOOKS[kind], 'change', (index) => make('div', {},
      make('strong', {}, LOOKS[kind].name), make('br'),
      `${area(pair.layers[kind].areas_m2[index])}, ${day(pair.from)} to ${day(pair.to)}`));
  }

  /** Polygons on a canvas, or their picture where they are too many; `about` makes a popup. */
  #makeAreas(layer, look, pane, about) {
    if (layer.kind === 'picture') {
      return L.imageOverlay(layer.url, leafletBounds(layer.bounds), { pane, alt: '' });
    }
    const style = {
      pane, renderer: this.canvases[pane], color: look.color, weight: 1.5, fillColor: fillOf(look), fillOpacity: 1,
    };
    const polygons = layer.shapes.map((shape, index) => (
      L.polygon(cornersOf(shape), style).bindPopup(() => about(index))));
    return L.layerGroup(polygons);
  }

  #aboutOutline(date, index) {
    const { names, areas_m2: areas, probabilities, settlements } = date.outlines;
    const settlement = settlements[index];
    const lines = [
      make('strong', {}, names[index]), make('br'),
      `${area(areas[index])} on ${day(date.id)}`,
    ];
    if (probabilities[index] !== null) {
      lines.push(make('br'), `Mean probability of the model: ${percent(probabilities[index], 0)}`);
    }
    if (settlement !== null) {
      const choose = () => this.onSettlement(settlement);
      lines.push(make('br'), makeButton(`History of ${settlement}`, choose, { className: 'link' }));
    }
    return make('div', {}, ...lines);
  }

  #makeUnits() {
    const { layer, names, bounds } = this.content.units;
    const lines = Object.keys(UNIT_LINES).map((name) => L.featureGroup(layer.shapes.map((shape) => (
      L.polygon(cornersOf(shape), {
        ...unitStyle(name), pane: 'units', renderer: this.canvases.units, fill: false, interactive: false,
      })))));
    this.unitLines = lines;
    const labels = names.length > MAX_UNIT_LABELS ? [] : names.map((name, index) => (
      L.tooltip({ permanent: true, direction: 'center', className: 'unit-label', pane: 'units' })
        .setLatLng(leafletBounds(bounds[index]).getCenter()).setContent(make('span', {}, name))));
    return L.layerGroup([...lines, ...labels]);
  }

  #recolour() {
    Object.keys(UNIT_LINES).forEach((name, index) => this.unitLines[index]?.setStyle(unitStyle(name)));
  }

  /** Go to a place and mark it. `shapes` are its outlines; without them its bounds are drawn. */
  goTo(bounds, shapes = []) {
    const box = leafletBounds(bounds);
    this.mark(bounds, shapes);
    this.map.fitBounds(box, { maxZoom: CLOSEST_ZOOM, padding: [30, 30], animate: !this.calm });
    byId('map-frame').scrollIntoView({ block: 'nearest', behavior: this.calm ? 'auto' : 'smooth' });
  }

  mark(bounds, shapes) {
    const pane = { pane: 'chosen', renderer: this.canvases.chosen, fill: false, interactive: false };
    const corners = shapes.length ? shapes.map(cornersOf) : [leafletBounds(bounds)];
    const draw = (style) => corners.map((place) => (
      shapes.length ? L.polygon(place, { ...pane, ...style }) : L.rectangle(place, { ...pane, ...style })));
    this.chosen.clearLayers();
    // Two lines, dark below and bright above, show on any ground.
    for (const line of [...draw({ color: '#000', weight: 6 }), ...draw({ color: '#fff200', weight: 3 })]) {
      this.chosen.addLayer(line);
    }
  }

  goHome() {
    this.chosen.clearLayers();
    this.map.fitBounds(leafletBounds(this.content.bounds), { animate: !this.calm });
  }

  /** Take a size in pixels, with the same ground in view; without one go back to how it was. */
  fit(size = null) {
    const { style } = this.map.getContainer();
    const seen = this.map.getBounds();
    if (size) this.before = { center: this.map.getCenter(), zoom: this.map.getZoom() };
    [style.width, style.height] = size ? size.map((side) => `${side}px`) : ['', ''];
    this.map.invalidateSize({ animate: false, pan: false });
    if (size) {
      // A little less than was seen: fitting the very bounds would zoom out.
      this.map.fitBounds(seen.pad(-0.1), { animate: false });
    } else if (this.before) {
      this.map.setView(this.before.center, this.before.zoom, { animate: false });
    }
  }
}

/** Two dates side by side, parted by a line that a slider moves. */
class Swipe {
  constructor(map) {
    this.map = map;
    this.slider = byId('swipe');
    this.on = false;
    this.slider.addEventListener('input', () => this.cut());
    map.on('move zoom resize zoomend', () => this.cut());
  }

  toggle(on, left, right) {
    this.on = on;
    this.slider.hidden = !on;
    byId('swipe-line').hidden = !on;
    for (const [id, text] of [['tag-left', left], ['tag-right', right]]) {
      byId(id).hidden = !on;
      byId(id).textContent = text;
    }
    this.slider.setAttribute('aria-label', `Swipe between ${left} on the left and ${right} on the right`);
    this.cut();
  }

  /** Clip the panes of each side at the line. */
  cut() {
    const size = this.map.getSize();
    // The line runs through the middle of the slider's handle, which stays inside the map.
    const middle = Math.round(HANDLE_PX / 2 + ((size.x - HANDLE_PX) * this.slider.value) / 100);
    const origin = this.map.containerPointToLayerPoint([0, 0]);
    const rect = (from, to) => (
      `rect(${origin.y}px, ${origin.x + to}px, ${origin.y + size.y}px, ${origin.x + from}px)`);
    for (const [name, from, to] of [['left', 0, middle], ['right', middle, size.x]]) {
      for (const kind of ['imagery', 'outlines']) {
        this.map.getPane(`${kind}-${name}`).style.clip = this.on ? rect(from, to) : '';
      }
    }
    byId('swipe-line').style.left = `${middle}px`;
    this.slider.setAttribute('aria-valuetext', `Line at ${this.slider.value} % of the width`);
  }
}
