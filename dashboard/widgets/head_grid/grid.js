// The head grid: clicks count at once in the browser, and Python is told of every change.

const LABEL = -1; // the place of a row's or a column's label, which stands for all its heads

class HeadGrid extends Shared {
  constructor(root) {
    super();
    this.root = root.querySelector(".heads");
    this.grid = this.root.querySelector(".grid");
    this.tip = this.root.querySelector(".tip");
    this.allOn = this.root.querySelector(".all-on");
    this.modes = new Modes(this.root);
    saveButtons(this.root.querySelector(".save"), "the grid", (format) => this.save(format));
    this.active = [0, 0];
    this.allOn.addEventListener("click", () => this.change({ ...this.state, off: [] }));
    this.grid.addEventListener("click", (event) => this.clicked(event));
    this.grid.addEventListener("keydown", (event) => this.keyed(event));
    this.grid.addEventListener("mouseover", (event) => this.showTip(event.target.closest(".cell, .label")));
    this.grid.addEventListener("mouseleave", () => this.showTip(null));
  }

  update(data, send) {
    this.receive(data, send);
    const size = String([data.layers.length, data.columns.length]);
    this.heads = data.columns.length - 2;
    this.root.querySelector("h3").textContent = data.title;
    if (size !== this.size) this.build();
    this.size = size;
    this.colour();
    this.show();
  }

  build() {
    const { layers, columns } = this.data;
    this.active = [0, 0];
    this.grid.style.setProperty("--heads", this.heads);
    this.grid.style.setProperty("--height", `${Math.min(Math.max(264 / layers.length, 11), 30)}px`);
    this.grid.style.setProperty("--gap", layers.length > 16 ? "1.5px" : "2.5px");
    const header = line([label("", LABEL, LABEL), ...columns.map((name, column) => label(name, LABEL, column))], this.heads);
    this.cells = layers.map((_, layer) => columns.map((_, column) => cell(layer, column)));
    const rows = layers.map((name, layer) => line([label(name, layer, LABEL), ...this.cells[layer]], this.heads));
    this.grid.replaceChildren(header, ...rows);
  }

  colour() {
    const { effects, largest, quantity, unit } = this.data;
    this.eachCell((cell, layer, column) => {
      const effect = effects[layer][column];
      const share = largest ? Math.min(Math.abs(effect ?? 0) / largest, 1) : 0;
      cell.style.setProperty("--end", effect < 0 ? "var(--lowers)" : "var(--raises)");
      cell.style.setProperty("--share", `${100 * share}%`);
    });
    const scale = this.root.querySelector(".scale");
    if (!largest) return scale.replaceChildren("Effects are not computed yet.");
    const ramp = document.createElement("i");
    ramp.className = "ramp";
    const beyond = (sign) => effects.flat().some((effect) => effect !== null && sign * effect > largest);
    const low = (beyond(-1) ? "≤\u00a0" : "") + signed(-largest);
    const high = (beyond(1) ? "≥\u00a0" : "") + signed(largest);
    scale.replaceChildren(low, ramp, `${high} ${quantity} (${unit}) when off`);
  }

  show() {
    const { off, selected } = this.state;
    const isOff = new Set(off.map(String));
    this.eachCell((cell, layer, column) => {
      const here = isOff.has(`${layer},${column}`);
      cell.classList.toggle("off", here);
      cell.classList.toggle("idle", column < this.heads && isOff.has(`${layer},${this.heads}`));
      cell.classList.toggle("selected", String(selected) === `${layer},${column}`);
      cell.classList.toggle("active", String(this.active) === `${layer},${column}`);
      cell.setAttribute("aria-label", this.describe(layer, column, here));
      cell.setAttribute("aria-selected", here);
    });
    this.allOn.disabled = !off.length;
    this.grid.setAttribute("aria-activedescendant", this.cells[this.active[0]][this.active[1]].id);
    if (this.pointed) this.showTip(this.pointed);
  }

  eachCell(use) {
    this.cells.forEach((row, layer) => row.forEach((cell, column) => use(cell, layer, column)));
  }

  // What it says

  describe(layer, column, isOff) {
    const { columns, effects, layers, names, unit } = this.data;
    if (layer === LABEL) return column < this.heads ? `Switch ${columns[column]} of every layer` : `Switch every ${columns[column]}`;
    if (column === LABEL) return `Switch all heads of ${layers[layer]}`;
    const effect = effects[layer][column];
    const size = effect === null ? "effect not computed yet" : `${signed(effect)} ${unit} when off`;
    return `${names[layer][column]} · ${size}${isOff ? " · now off" : ""}`;
  }

  showTip(target) {
    this.pointed = target;
    const place = target && placeOf(target);
    this.tip.hidden = !place || (place[0] === LABEL && place[1] === LABEL);
    if (this.tip.hidden) return;
    this.tip.textContent = this.describe(...place, target.classList.contains("off"));
    const [box, cell] = [this.root, target].map((element) => element.getBoundingClientRect());
    const middle = cell.left - box.left + cell.width / 2 - this.tip.offsetWidth / 2;
    const left = Math.min(Math.max(middle, 0), box.width - this.tip.offsetWidth);
    this.tip.style.transform = `translate(${left}px, ${cell.top - box.top - this.tip.offsetHeight - 5}px)`;
  }

  // What is done to it

  clicked(event) {
    const target = event.target.closest(".cell, .label");
    if (!target) return;
    const [layer, column] = placeOf(target);
    if (layer === LABEL && column === LABEL) return;
    if (layer === LABEL) return this.toggle(this.cells.map((_, row) => [row, column]));
    if (column === LABEL) return this.toggle(this.cells[layer].slice(0, this.heads).map((_, head) => [layer, head]));
    this.active = [layer, column];
    if (event.shiftKey || this.modes.chosen === "select") this.select(layer, column);
    else this.toggle([[layer, column]]);
  }

  /** Switches all these cells off, or on again when all of them are off. */
  toggle(cells) {
    const touched = new Set(cells.map(String));
    const others = this.state.off.filter((cell) => !touched.has(String(cell)));
    const allOff = others.length === this.state.off.length - touched.size;
    this.change({ ...this.state, off: allOff ? others : [...others, ...cells] });
  }

  save(format) {
    const { title, source } = this.data;
    return savePicture(format, title, () => gridPicture(this.data, this.state), title, [source]);
  }

  select(layer, column) {
    if (column >= this.heads) return; // modules have no queries and keys to look at
    const again = String(this.state.selected) === `${layer},${column}`;
    this.change({ ...this.state, selected: again ? null : [layer, column] });
  }

  keyed(event) {
    const [layer, column] = this.active;
    if (event.key in ARROWS) {
      const [down, right] = ARROWS[event.key];
      if (!this.cells[layer + down]?.[column + right]) return;
      this.active = [layer + down, column + right];
      this.show();
      this.showTip(this.cells[layer + down][column + right]);
    } else if (event.key === " " || event.key === "Enter") {
      this.toggle([this.active]);
    } else if (event.key.toLowerCase() === "s") {
      this.select(layer, column);
    } else return;
    event.preventDefault();
  }
}

function line(places, heads) {
  const row = document.createElement("div");
  row.className = "row";
  row.setAttribute("role", "row");
  row.append(...places.slice(0, heads + 1), document.createElement("i"), ...places.slice(heads + 1));
  return row;
}

function label(name, layer, column) {
  const element = document.createElement("span");
  element.className = "label";
  element.setAttribute("role", layer === LABEL ? "columnheader" : "rowheader");
  element.textContent = name;
  return at(element, layer, column);
}

function cell(layer, column) {
  const element = document.createElement("span");
  element.className = "cell";
  element.id = `cell-${layer}-${column}`;
  element.setAttribute("role", "gridcell");
  return at(element, layer, column);
}

function at(element, layer, column) {
  element.dataset.layer = layer;
  element.dataset.column = column;
  return element;
}

function placeOf(element) {
  return [Number(element.dataset.layer), Number(element.dataset.column)];
}

function signed(number) {
  const size = Math.abs(number);
  const text = size >= 10 ? size.toFixed(0) : size.toFixed(size >= 1 ? 1 : 2);
  return (number < 0 ? "−" : "+") + text;
}

export default (component) => mount(HeadGrid, component);
