// The sequence strip: residues in numbered lines, groups of ten; masked ones outlined, picked ones filled.

class Strip {
  constructor(box, modes, on) {
    this.box = box;
    this.on = on;
    this.cells = [];
    this.perLine = 0;
    this.modes = modes;
    box.addEventListener("click", (event) => this.clicked(event));
    box.addEventListener("keydown", (event) => this.keyed(event));
    new ResizeObserver(() => this.layOut()).observe(box);
  }

  update(residues, values, theme) {
    if (residues.join() !== this.residues?.join()) {
      this.residues = residues;
      this.cells = residues.map(residueCell);
      this.perLine = 0;
      this.layOut();
    }
    const shades = values && valueShades(values, values.palette === "effects" ? "change" : "edited", theme);
    const codes = values && bytes(values.codes);
    this.cells.forEach((cell, residue) => {
      const shade = codes?.[residue] ? shades[codes[residue]] : null;
      cell.style.setProperty("--shade", shade ? hex(shade) : "transparent");
      cell.style.setProperty("--ink", shade ? readable(shade) : "inherit");
    });
  }

  layOut() {
    const width = this.box.clientWidth;
    const perLine = width >= 520 ? 60 : width >= 330 ? 30 : 20;
    if (perLine === this.perLine || !this.cells.length) return;
    this.perLine = perLine;
    const groups = perLine / 10;
    this.box.style.setProperty("--groups", groups);
    const lines = [];
    for (let start = 0; start < this.cells.length; start += perLine) {
      const line = document.createElement("div");
      line.className = "line";
      const number = document.createElement("i");
      number.textContent = start + 1;
      line.append(number);
      for (let group = 0; group < groups; group++) {
        const tens = document.createElement("div");
        tens.className = "group";
        tens.append(...this.cells.slice(start + group * 10, Math.min(start + group * 10 + 10, start + perLine)));
        line.append(tens);
      }
      lines.push(line);
    }
    this.box.replaceChildren(...lines);
    if (this.marked) this.mark(this.marked);
  }

  mark(state) {
    this.marked = state;
    this.cells.forEach((cell, residue) => {
      const picked = state.picked.includes(residue);
      const masked = state.masked.includes(residue);
      cell.classList.toggle("picked", picked);
      cell.classList.toggle("masked", masked);
      cell.setAttribute("aria-selected", picked);
      cell.title = this.residues[residue] + (masked ? " (masked)" : "");
    });
    const last = this.cells[state.picked.at(-1)];
    if (!last) return this.box.removeAttribute("aria-activedescendant");
    this.box.setAttribute("aria-activedescendant", last.id);
    const top = last.offsetTop - this.box.offsetTop; // scrolls the strip alone, never the page
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + last.offsetHeight > this.box.scrollTop + this.box.clientHeight)
      this.box.scrollTop = top + last.offsetHeight - this.box.clientHeight;
  }

  clicked(event) {
    const residue = this.cells.indexOf(event.target.closest(".residue"));
    if (residue < 0) return;
    if (event.shiftKey || this.modes.chosen === "mask") return this.on.mask(residue);
    this.on.pick(residue, event.ctrlKey || event.metaKey);
  }

  keyed(event) {
    const from = this.marked?.picked.at(-1);
    if (event.key in ARROWS) {
      const [down, right] = ARROWS[event.key];
      const to = from === undefined ? 0 : from + down * this.perLine + right;
      if (to >= 0 && to < this.cells.length) this.on.pick(to, false);
    } else if (event.key.toLowerCase() === "m" && from !== undefined) {
      this.on.mask(from);
    } else if (event.key === "Escape") {
      this.on.clear();
    } else return;
    event.preventDefault();
  }
}

function residueCell(name, residue) {
  const cell = document.createElement("span");
  cell.className = "residue";
  cell.id = `residue-${residue}`;
  cell.setAttribute("role", "option");
  cell.setAttribute("aria-label", name);
  cell.textContent = name[0];
  return cell;
}

/** Black or white, whichever reads better on a colour. */
function readable(colour) {
  return luminance(colour) > 140 ? "var(--dark)" : "var(--light)";
}

function luminance([red, green, blue]) {
  return 0.299 * red + 0.587 * green + 0.114 * blue;
}
