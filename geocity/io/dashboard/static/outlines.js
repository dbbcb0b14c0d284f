// Outlines travel as whole millionths of a degree: a first corner, then the steps from one to the next.

const STEPS_PER_DEGREE = 1e6;

function ringOf(steps) {
  const ring = [];
  let east = 0;
  let north = 0;
  for (let i = 0; i < steps.length; i += 2) {
    east += steps[i];
    north += steps[i + 1];
    ring.push([north / STEPS_PER_DEGREE, east / STEPS_PER_DEGREE]);
  }
  return ring;
}

/** Latitudes and longitudes as Leaflet wants them, from one feature of the content. */
function cornersOf(shape) {
  return shape.map((polygon) => polygon.map(ringOf));
}

/** Leaflet's bounds of [west, south, east, north]. */
function leafletBounds([west, south, east, north]) {
  return L.latLngBounds([[south, west], [north, east]]);
}
