// The head grid as a picture to keep: its cells, names and scale, on paper.

const WIDTH = 720;
const NAMES = { across: 34, down: 20 }; // pixels left of the rows' cells and above the columns'
const BEFORE_MODULES = 10;

/** What is drawn of the grid's data and of what is off and selected: {element, width, height}. */
function gridPicture(data, { off, selected }) {
  const { layers, columns, effects, largest } = data;
  const heads = columns.length - 2;
  const across = (WIDTH - NAMES.across - BEFORE_MODULES) / (columns.length + 1); // modules are half as wide again
  const down = Math.min(Math.max(264 / layers.length, 11), 30);
  const isOff = new Set(off.map(String));
  const left = (column) =>
    NAMES.across + across * (column <= heads ? column : heads + 1.5) + (column < heads ? 0 : BEFORE_MODULES);
  const top = (layer) => NAMES.down + down * layer;
  const every = Math.ceil(26 / across);
  const group = svg("g", { "text-anchor": "middle" });
  columns.forEach((name, column) => {
    const middle = left(column) + (across * (column < heads ? 1 : 1.5)) / 2;
    if (column >= heads || (column + 1) % every === 0) group.append(svgText(middle, 14, name, { "font-size": 11 }));
  });
  layers.forEach((name, layer) => {
    group.append(svgText(NAMES.across / 2 - 3, top(layer) + down / 2 + 4, name, { "font-size": Math.min(11, down) }));
    columns.forEach((_, column) => {
      const [x, y] = [left(column), top(layer)];
      const [width, height] = [across * (column < heads ? 1 : 1.5) - 2, down - 2];
      const fill = effectColour(effects[layer][column], largest, data.colours);
      const chosen = String(selected) === `${layer},${column}` ? PAPER.ink : null;
      group.append(svg("rect", { x, y, width, height, rx: 2, fill, stroke: chosen, "stroke-width": chosen && 2 }));
      if (!isOff.has(`${layer},${column}`)) return;
      const cross = `M${x} ${y}l${width} ${height}M${x + width} ${y}l${-width} ${height}`;
      group.append(svg("path", { d: cross, stroke: PAPER.ink, "stroke-width": 1 }));
    });
  });
  const legend = svgLegend(gridLegend(data), WIDTH);
  const below = top(layers.length) + 10;
  const element = svg("g", {}, group, svg("g", { transform: `translate(0 ${below})` }, legend.element));
  return { element, width: WIDTH, height: below + legend.height };
}

function effectColour(effect, largest, colours) {
  const share = largest ? Math.min(Math.abs(effect ?? 0) / largest, 1) : 0;
  return hex(mix(rgb("#eceef1"), rgb(effect < 0 ? colours.lowers : colours.raises), share));
}

function gridLegend({ effects, largest, quantity, unit, colours }) {
  if (!largest) return [];
  const beyond = (sign) => effects.flat().some((effect) => effect !== null && sign * effect > largest);
  const [low, high] = [-1, 1].map((sign) => `${beyond(sign) ? (sign < 0 ? "≤ " : "≥ ") : ""}${signed(sign * largest)}`);
  const item = document.createElement("span");
  const scale = document.createElement("i");
  scale.style.background = `linear-gradient(to right, ${colours.lowers}, #eceef1, ${colours.raises})`;
  item.append(low, scale, `${high} ${quantity} (${unit}) when off; crossed: off now; framed: selected`);
  return [item];
}
