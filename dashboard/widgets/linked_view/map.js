// The contact map: a matrix as pixels on one canvas, and what changes with the pointer on another above it.

const EDGE = { left: 52, top: 6, right: 6, bottom: 46 };
const SNAP = 5; // pixels within which a click finds a marked contact, where cells are smaller than that

class ContactMap {
  constructor(panel, on) {
    this.on = on;
    this.heat = panel.querySelector(".heat");
    this.marks = panel.querySelector(".marks");
    this.readout = panel.querySelector(".readout");
    this.legend = panel.querySelector(".legend");
    this.picked = [];
    this.hover = null;
    this.marks.addEventListener("mousemove", (event) => this.point(this.cellAt(event)));
    this.marks.addEventListener("mouseleave", () => this.point(null));
    this.marks.addEventListener("click", (event) => this.clicked(event));
    this.marks.addEventListener("keydown", (event) => this.keyed(event));
    new ResizeObserver(() => this.draw()).observe(this.marks);
  }

  update(data, theme) {
    if (data.cells !== this.encoded) {
      this.encoded = data.cells;
      this.cells = bytes(data.cells);
      this.hover = null;
    }
    this.data = data;
    this.theme = theme;
    this.kindOf = new Map(data.contacts.map(([i, j, kind]) => [i * data.residues.length + j, kind]));
    this.drawLegend();
    this.draw();
    this.say();
  }

  mark(picked) {
    this.picked = picked;
    this.drawMarks();
    this.say();
  }

  // Where things are: pixels of the plot from 0 to this.side, residues from 0 to this.length

  measure() {
    const ratio = window.devicePixelRatio || 1;
    const width = this.marks.clientWidth;
    for (const canvas of [this.heat, this.marks]) {
      const pixels = Math.round(width * ratio);
      if (canvas.width !== pixels) canvas.width = canvas.height = pixels;
      canvas.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.ratio = ratio;
    this.length = this.data.residues.length;
    this.side = Math.max(1, width - Math.max(EDGE.left + EDGE.right, EDGE.top + EDGE.bottom));
    this.size = this.side / this.length;
  }

  cellAt(event) {
    const box = this.marks.getBoundingClientRect();
    const across = event.clientX - box.left - EDGE.left;
    const down = event.clientY - box.top - EDGE.top;
    if (!(across >= 0 && down >= 0 && across < this.side && down < this.side)) return null;
    return [Math.floor(down / this.size), Math.floor(across / this.size)];
  }

  codeAt(row, column) {
    return this.cells[row * this.length + column];
  }

  scaleAt(row, column) {
    return this.data.below && row > column ? this.data.below : this.data.above;
  }

  // Drawing

  draw() {
    if (!this.data || !this.marks.clientWidth) return;
    this.measure();
    this.drawHeat();
    this.drawMarks();
  }

  drawHeat() {
    const context = this.heat.getContext("2d");
    const { theme, length, side } = this;
    context.clearRect(0, 0, this.heat.width, this.heat.height);
    const pixels = Math.round(side * this.ratio);
    const image = new ImageData(pixels, pixels);
    const paint = new Uint32Array(image.data.buffer);
    const [above, below] = [this.data.above, this.data.below ?? this.data.above].map((scale) => packed(ramp(scale.palette, theme)));
    const strength = strengths(this.data.above.palette);
    const strengthBelow = strengths((this.data.below ?? this.data.above).palette);
    const start = Int32Array.from({ length: pixels + 1 }, (_, pixel) => Math.floor((pixel * length) / pixels));
    for (let y = 0; y < pixels; y++) {
      const [top, bottom] = [start[y], Math.max(start[y] + 1, start[y + 1])];
      for (let x = 0; x < pixels; x++) {
        const lower = top > start[x];
        const weigh = lower ? strengthBelow : strength;
        const right = Math.max(start[x] + 1, start[x + 1]);
        let strongest = this.cells[top * length + start[x]];
        for (let row = top; row < bottom; row++)
          for (let column = start[x]; column < right; column++) {
            const code = this.cells[row * length + column];
            if (weigh[code] > weigh[strongest]) strongest = code;
          }
        paint[y * pixels + x] = (lower ? below : above)[strongest];
      }
    }
    context.putImageData(image, Math.round(EDGE.left * this.ratio), Math.round(EDGE.top * this.ratio));
    this.drawContacts(context);
    this.drawAxes(context);
  }

  drawContacts(context) {
    const edge = Math.max(3.5, this.size);
    context.lineWidth = 0.8;
    context.strokeStyle = hex(this.theme.ink) + "90";
    for (const [i, j, kind] of this.data.contacts) {
      context.fillStyle = this.theme.colours[kind];
      const x = EDGE.left + (j + 0.5) * this.size - edge / 2;
      const y = EDGE.top + (i + 0.5) * this.size - edge / 2;
      context.fillRect(x, y, edge, edge);
      if (kind === "near") context.strokeRect(x, y, edge, edge); // yellow alone would fade on white
    }
  }

  drawAxes(context) {
    const { theme, side, size } = this;
    context.strokeStyle = hex(mix(theme.paper, theme.ink, 0.3));
    context.lineWidth = 1;
    context.strokeRect(EDGE.left - 0.5, EDGE.top - 0.5, side + 1, side + 1);
    context.fillStyle = hex(theme.faint);
    context.font = `11px ${theme.font}`;
    for (const residue of ticks(this.length)) {
      const centre = (residue + 0.5) * size;
      const label = String(residue + 1);
      context.textAlign = "center";
      context.textBaseline = "top";
      context.fillRect(EDGE.left + centre, EDGE.top + side + 1, 1, 4);
      context.fillText(label, EDGE.left + centre, EDGE.top + side + 8);
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillRect(EDGE.left - 5, EDGE.top + centre, 4, 1);
      context.fillText(label, EDGE.left - 8, EDGE.top + centre);
    }
    context.font = `12px ${theme.font}`;
    context.textAlign = "center";
    context.textBaseline = "bottom";
    context.fillText("Residue j", EDGE.left + side / 2, EDGE.top + side + 42);
    context.save();
    context.translate(14, EDGE.top + side / 2);
    context.rotate(-Math.PI / 2);
    context.fillText("Residue i", 0, 0);
    context.restore();
  }

  drawMarks() {
    if (!this.size) return;
    const context = this.marks.getContext("2d");
    context.clearRect(0, 0, this.marks.width, this.marks.height);
    const { side } = this;
    const width = Math.max(this.size, 1.5);
    const place = (residue) => (residue + 0.5) * this.size;
    const row = (i) => context.fillRect(EDGE.left, EDGE.top + place(i) - width / 2, side, width);
    const column = (j) => context.fillRect(EDGE.left + place(j) - width / 2, EDGE.top, width, side);
    const cell = (i, j, edge) =>
      context.strokeRect(EDGE.left + place(j) - edge / 2, EDGE.top + place(i) - edge / 2, edge, edge);
    if (this.hover) {
      context.fillStyle = hex(this.theme.ink) + "1f";
      row(this.hover[0]);
      column(this.hover[1]);
    }
    if (!this.picked.length) return;
    const [i, j = i] = this.picked;
    context.fillStyle = this.theme.colours.picked + "88";
    row(i);
    column(j);
    if (i === j) return;
    context.strokeStyle = this.theme.colours.picked;
    context.lineWidth = 2.5;
    cell(i, j, Math.max(this.size + 4, 11));
    context.lineWidth = 1.5;
    cell(j, i, Math.max(this.size + 4, 11));
  }

  drawLegend() {
    this.legend.replaceChildren(...mapLegend(this.data, this.theme));
  }

  // What it says

  say() {
    const pair = this.hover ?? (this.picked.length === 2 ? this.picked : null);
    this.readout.classList.toggle("idle", !pair);
    this.readout.textContent = pair ? this.describe(...pair) : "Point at a cell to read it, click to pick it.";
  }

  describe(row, column) {
    const { data, length } = this;
    const reading = (i, j) => `${this.scaleAt(i, j).label}: ${valueText(this.codeAt(i, j), this.scaleAt(i, j))}`;
    const [i, j] = row < column ? [row, column] : [column, row];
    const values = data.below && i !== j ? [reading(i, j), reading(j, i)] : [reading(row, column)];
    const kind = this.kindOf.get(i * length + j);
    const parts = [`${data.residues[row]} – ${data.residues[column]}`, ...values, kind && data.kinds[kind]];
    return parts.filter(Boolean).join(" · ");
  }

  // What is done to it

  point(cell) {
    if (String(cell) === String(this.hover)) return;
    this.hover = cell;
    this.drawMarks();
    this.say();
  }

  clicked(event) {
    const cell = this.cellAt(event);
    if (!cell) return;
    const [i, j] = this.snapped(cell);
    this.on.pick(i === j ? [i] : [i, j]);
  }

  snapped([row, column]) {
    let [nearest, best] = [[row, column], SNAP / this.size];
    if (best < 1) return nearest;
    for (const [i, j] of this.data.contacts)
      for (const [r, c] of [[i, j], [j, i]]) {
        const distance = Math.hypot(r - row, c - column);
        if (distance < best) [nearest, best] = [[r, c], distance];
      }
    return nearest;
  }

  keyed(event) {
    if (event.key in ARROWS) {
      const [i = 0, j = i] = this.picked;
      const inside = (residue) => Math.min(Math.max(residue, 0), this.length - 1);
      const far = event.shiftKey ? 10 : 1;
      const [down, right] = ARROWS[event.key];
      const cell = [inside(i + far * down), inside(j + far * right)];
      this.on.pick(cell[0] === cell[1] ? [cell[0]] : cell);
    } else if (event.key === "Escape") {
      this.on.clear();
    } else return;
    event.preventDefault();
  }
}

/** Residues to number on an axis: every 10, 20, 50, ... so that at most eight fit. */
function ticks(length) {
  const step = [5, 10, 20, 25, 50, 100, 200, 500].find((size) => length / size <= 8) ?? 1000;
  return Array.from({ length: Math.floor(length / step) }, (_, k) => (k + 1) * step - 1);
}

/** Colours as the 32-bit numbers that an ImageData holds. */
function packed(colours) {
  return Uint32Array.from(colours, ([red, green, blue]) => (255 << 24) | (blue << 16) | (green << 8) | red);
}

/** How much each code counts where several cells share a pixel: the strongest is the one to see. */
function strengths(palette) {
  return Float32Array.from({ length: 256 }, (_, code) => (palette === "change" && code ? Math.abs(code - 128) : code));
}

function mapLegend({ above, below, contacts }, theme) {
  const scales = below
    ? [rampItem(above, theme, `◥ ${above.label}`), truthOrRamp(below, theme, `◣ ${below.label}`)]
    : [rampItem(above, theme, above.label)];
  return [...scales, ...kindItems(contacts, theme)];
}

function truthOrRamp(scale, theme, name) {
  return scale.palette === "truth" ? legendItem("swatch", gradient("truth", theme).replace(/^.*, (.*)\)$/, "$1"), name) : rampItem(scale, theme, name);
}

/** The kinds of contact that occur, each with its colour and how many there are. */
function kindItems(contacts, theme) {
  return Object.entries(theme.kinds).flatMap(([kind, name]) => {
    const count = contacts.filter((contact) => contact[2] === kind).length;
    return count ? [legendItem("swatch", theme.colours[kind], `${name} (${count})`)] : [];
  });
}
