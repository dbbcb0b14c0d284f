// What each kind of area looks like. Hatching tells growth from loss where colour does not.

const LOOKS = {
  outlines: { name: 'Slum area', color: '#e6004d', pattern: 'plain' },
  growth: { name: 'Growth', color: '#d7191c', pattern: 'rising' },
  loss: { name: 'Loss', color: '#2c7bb6', pattern: 'falling' },
  persistent: { name: 'Persistent', color: '#fdae61', pattern: 'plain' },
};
const TILE_PX = 8;

/** A fill for a canvas: see-through colour, hatched where the pattern says so. */
function fillOf(look) {
  const tile = make('canvas', { width: TILE_PX, height: TILE_PX });
  const context = tile.getContext('2d');
  context.fillStyle = look.color;
  context.globalAlpha = look.pattern === 'plain' ? 0.42 : 0.3;
  context.fillRect(0, 0, TILE_PX, TILE_PX);
  if (look.pattern !== 'plain') hatch(context, look);
  return context.createPattern(tile, 'repeat');
}

function hatch(context, look) {
  context.globalAlpha = 1;
  context.strokeStyle = look.color;
  context.lineWidth = 2;
  context.beginPath();
  // Three lines, so that the corners of neighbouring tiles meet.
  for (const shift of [-TILE_PX, 0, TILE_PX]) {
    const [from, to] = look.pattern === 'rising' ? [TILE_PX, 0] : [0, TILE_PX];
    context.moveTo(shift, from);
    context.lineTo(shift + TILE_PX, to);
  }
  context.stroke();
}

/** The same look as a small picture for the legend. */
function swatch(kind) {
  const canvas = make('canvas', { width: 28, height: 18, className: 'swatch', 'aria-hidden': 'true' });
  const context = canvas.getContext('2d');
  context.fillStyle = fillOf(LOOKS[kind]);
  context.fillRect(0, 0, 28, 18);
  context.strokeStyle = LOOKS[kind].color;
  context.lineWidth = 3;
  context.strokeRect(0, 0, 28, 18);
  return canvas;
}
