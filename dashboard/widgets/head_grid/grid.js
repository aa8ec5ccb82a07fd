// The head grid: clicks count at once in the browser, and Python is told of every change.

const LABEL = -1; // the place of a row's or a column's label, which stands for all its heads
const NAME_WIDTH = 24; // pixels that a column's name takes, with room around it

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
    this.grid.addEventListener("blur", () => this.showTip(null));
    new ResizeObserver(() => this.name()).observe(this.grid);
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
    this.grid.style.setProperty("--height", `${Math.min(Math.max(264 / layers.length, 11), 40)}px`);
    this.grid.style.setProperty("--gap", layers.length > 16 ? "1.5px" : "2.5px");
    const corner = document.createElement("i");
    this.columnLabels = columns.map((name, column) => label(name, LABEL, column));
    this.rowLabels = layers.map((name, layer) => label(name, layer, LABEL));
    this.cells = layers.map((_, layer) => columns.map((_, column) => cell(layer, column)));
    const rows = layers.map((_, layer) => line([this.rowLabels[layer], ...this.cells[layer]], this.heads));
    this.grid.replaceChildren(line([corner, ...this.columnLabels], this.heads), ...rows);
    this.name();
  }

  /** Names every column, or every second, fifth or tenth where there is no room for all. */
  name() {
    const width = this.columnLabels?.[0].offsetWidth;
    if (!width) return;
    const every = [1, 2, 5].find((step) => step * width >= NAME_WIDTH) ?? 10;
    this.columnLabels.slice(0, this.heads).forEach((label, head) => label.classList.toggle("unnamed", (head + 1) % every > 0));
  }

  /** The cell or label at a place; undefined where there is none. */
  at([layer, column]) {
    if (layer === LABEL) return this.columnLabels[column];
    return column === LABEL ? this.rowLabels[layer] : this.cells[layer]?.[column];
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
      cell.setAttribute("aria-label", this.describe(layer, column, here));
      cell.setAttribute("aria-selected", here);
    });
    this.allOn.disabled = !off.length;
    this.grid.querySelector(".active")?.classList.remove("active");
    const active = this.at(this.active);
    active.classList.add("active");
    this.grid.setAttribute("aria-activedescendant", active.id);
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
    this.tip.hidden = !target;
    if (!target) return;
    this.tip.textContent = this.describe(...placeOf(target), target.classList.contains("off"));
    const [box, cell] = [this.root, target].map((element) => element.getBoundingClientRect());
    const middle = cell.left - box.left + cell.width / 2 - this.tip.offsetWidth / 2;
    const left = Math.min(Math.max(middle, 0), box.width - this.tip.offsetWidth);
    this.tip.style.transform = `translate(${left}px, ${cell.top - box.top - this.tip.offsetHeight - 5}px)`;
  }

  // What is done to it

  clicked(event) {
    const target = event.target.closest(".cell, .label");
    if (!target) return;
    this.active = placeOf(target);
    const looks = event.shiftKey || this.modes.chosen === "select";
    if (looks && target.matches(".cell")) this.select(...this.active);
    else this.toggle(this.cellsAt(...this.active));
  }

  /** The cells that a place stands for: itself, or a label's row of heads or column. */
  cellsAt(layer, column) {
    if (layer === LABEL) return this.cells.map((_, row) => [row, column]);
    if (column === LABEL) return this.cells[layer].slice(0, this.heads).map((_, head) => [layer, head]);
    return [[layer, column]];
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
    if (layer === LABEL || column === LABEL || column >= this.heads) return; // no queries and keys to look at
    const again = String(this.state.selected) === `${layer},${column}`;
    this.change({ ...this.state, selected: again ? null : [layer, column] });
  }

  keyed(event) {
    const [layer, column] = this.active;
    if (event.key in ARROWS) {
      const [down, right] = ARROWS[event.key];
      const target = this.at([layer + down, column + right]);
      if (!target) return;
      this.active = placeOf(target);
      this.show();
      this.showTip(target);
    } else if (event.key === " " || event.key === "Enter") {
      this.toggle(this.cellsAt(...this.active));
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
  element.id = `label-${layer}-${column}`;
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
