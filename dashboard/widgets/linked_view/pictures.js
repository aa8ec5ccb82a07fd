// Strip, map and structure as pictures to keep, on paper.

const MAP_SIDE = 560;
const AXES = { left: 58, below: 46 };
const RESIDUE = { width: 11, height: 21, perLine: 60, number: 40, group: 5 };
const STRUCTURE_SIDE = 1680; // pixels: 5.6 inches at 300 dots per inch

/** The map: its cells as one image, everything else as lines and text. */
function mapPicture(cells, data, picked) {
  const theme = paperTheme(data);
  const length = data.residues.length;
  const size = MAP_SIDE / length;
  const place = (residue) => (residue + 0.5) * size;
  const line = (x1, y1, x2, y2) => svg("line", { x1, y1, x2, y2, stroke: PAPER.faint });
  const plot = svg("g", { transform: `translate(${AXES.left} 0)` });
  const frame = { width: MAP_SIDE, height: MAP_SIDE };
  const href = cellsAsImage(cells, data, theme);
  plot.append(svg("image", { ...frame, href, preserveAspectRatio: "none", "image-rendering": "pixelated" }));
  const edge = Math.max(4, size);
  for (const [i, j, kind] of data.contacts) {
    const look = { fill: theme.colours[kind], stroke: PAPER.ink, "stroke-width": kind === "near" ? 0.8 : 0 };
    plot.append(svg("rect", { x: place(j) - edge / 2, y: place(i) - edge / 2, width: edge, height: edge, ...look }));
  }
  if (picked.length) {
    const [i, j = i] = picked;
    const look = { fill: theme.colours.picked, "fill-opacity": 0.5 };
    plot.append(svg("rect", { x: 0, y: place(i) - size / 2, width: MAP_SIDE, height: size, ...look }));
    plot.append(svg("rect", { x: place(j) - size / 2, y: 0, width: size, height: MAP_SIDE, ...look }));
  }
  plot.append(svg("rect", { ...frame, fill: "none", stroke: PAPER.faint }));
  for (const residue of ticks(length)) {
    const [at, label] = [place(residue), residue + 1];
    plot.append(
      line(at, MAP_SIDE, at, MAP_SIDE + 4), svgText(at, MAP_SIDE + 17, label, { "text-anchor": "middle" }),
      line(-4, at, 0, at), svgText(-7, at + 4, label, { "text-anchor": "end" }),
    );
  }
  plot.append(svgText(MAP_SIDE / 2, MAP_SIDE + 36, "Residue j", { "text-anchor": "middle" }));
  plot.append(svgText(-MAP_SIDE / 2, -42, "Residue i", { "text-anchor": "middle", transform: "rotate(-90)" }));
  return withLegend(plot, AXES.left + MAP_SIDE, MAP_SIDE + AXES.below, mapLegend(data, theme));
}

/** A pixel per pair of residues, as PNG. */
function cellsAsImage(cells, { residues, above, below }, theme) {
  const canvas = document.createElement("canvas");
  const length = (canvas.width = canvas.height = residues.length);
  const image = new ImageData(length, length);
  const paint = new Uint32Array(image.data.buffer);
  const [upper, lower] = [above, below ?? above].map((scale) => packed(ramp(scale.palette, theme)));
  cells.forEach((code, cell) => (paint[cell] = (cell % length < Math.floor(cell / length) ? lower : upper)[code]));
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas.toDataURL();
}

/** The strip: all residues in numbered lines; masked ones outlined, picked ones filled. */
function stripPicture(data, { masked, picked }) {
  const { residues, values } = data;
  const theme = paperTheme(data);
  const shades = values && valueShades(values, values.palette === "effects" ? "change" : "edited", theme);
  const codes = values && bytes(values.codes);
  const group = svg("g", { "text-anchor": "middle" });
  residues.forEach((name, residue) => {
    const [line, place] = [Math.floor(residue / RESIDUE.perLine), residue % RESIDUE.perLine];
    const x = RESIDUE.number + place * RESIDUE.width + Math.floor(place / 10) * RESIDUE.group;
    const y = line * RESIDUE.height;
    if (!place) group.append(svgText(RESIDUE.number - 8, y + 14, residue + 1, { "text-anchor": "end", fill: PAPER.faint }));
    const shade = codes?.[residue] ? shades[codes[residue]] : theme.paper;
    const ground = picked.includes(residue) ? rgb(theme.colours.picked) : shade;
    const outline = masked.includes(residue) ? theme.colours.masked : "none";
    const box = { x: x + 0.5, y: y + 1, width: RESIDUE.width - 1, height: RESIDUE.height - 4, rx: 2 };
    group.append(svg("rect", { ...box, fill: hex(ground), stroke: outline, "stroke-width": 1.5 }));
    const ink = luminance(ground) > 140 ? PAPER.ink : PAPER.paper;
    group.append(svgText(x + RESIDUE.width / 2, y + 14, name[0], { fill: ink, "font-family": "ui-monospace, monospace" }));
  });
  const groups = RESIDUE.perLine / 10;
  const width = RESIDUE.number + RESIDUE.perLine * RESIDUE.width + groups * RESIDUE.group;
  const height = Math.ceil(residues.length / RESIDUE.perLine) * RESIDUE.height + 8;
  return withLegend(group, width, height, structureLegend(data, [], theme));
}

/** The structure as it is turned now, drawn anew in the resolution of paper, with the names beside picked residues. */
function structurePicture(view) {
  const { viewer, host, stage, data, theme, contacts } = view;
  const side = stage.clientWidth;
  const names = view.tags.map(({ tag }) => {
    const [box, own] = [stage, tag].map((element) => element.getBoundingClientRect());
    return svgText(own.left - box.left, own.top - box.top + 14, tag.textContent, { "font-weight": 600, stroke: PAPER.paper, "stroke-width": 3, "paint-order": "stroke" });
  });
  const asSeen = host.style.cssText;
  host.style.cssText = `width: ${STRUCTURE_SIDE}px; height: ${STRUCTURE_SIDE}px; inset: auto`;
  viewer.setBackgroundColor(PAPER.paper);
  viewer.resize();
  viewer.render();
  const href = viewer.pngURI();
  host.style.cssText = asSeen;
  viewer.setBackgroundColor(hex(theme.paper));
  viewer.resize();
  viewer.render();
  const picture = svg("g", {}, svg("image", { href, width: side, height: side }), ...names);
  return withLegend(picture, side, side + 8, structureLegend(data, contacts, paperTheme(data)));
}

function withLegend(element, width, height, items) {
  const legend = svgLegend(items, width);
  const whole = svg("g", {}, element, svg("g", { transform: `translate(0 ${height})` }, legend.element));
  return { element: whole, width, height: height + legend.height };
}
