// The structure in 3D, drawn by 3Dmol.js. One viewer serves as long as the page stands, so the camera stays too.

const LINE_RADIUS = 0.16; // ångström
const TURN = 10; // degrees for a key
const ZOOM = { "+": 1.15, "=": 1.15, "-": 1 / 1.15 };
const idleViewers = []; // 3Dmol can't end a viewer: one whose page was left waits here for the next page

class StructureView {
  constructor(panel, on) {
    this.on = on;
    this.stage = panel.querySelector(".stage");
    this.note = panel.querySelector(".note");
    this.readout = panel.querySelector(".readout");
    this.legend = panel.querySelector(".legend");
    this.recentre = panel.querySelector(".recentre");
    this.recentre.addEventListener("click", () => this.lookAtAll());
    this.state = { picked: [], masked: [] };
    this.drawn = {};
    this.tags = [];
    // A page scrolls over the view; only once it was pressed does the wheel zoom.
    this.stage.addEventListener("mousedown", () => (this.pressed = true));
    this.stage.addEventListener("mouseleave", () => (this.pressed = false));
    this.stage.addEventListener("wheel", (event) => this.pressed || event.stopPropagation(), { capture: true });
    this.stage.addEventListener("keydown", (event) => this.keyed(event));
  }

  update(data, theme) {
    this.data = data;
    this.theme = theme;
    this.say(data.texts.no_3d);
    if (data.texts.no_3d) return this.empty();
    this.contacts = data.values ? [] : data.contacts; // lines would hide the colour of the values
    this.drawLegend();
    this.source = data.structure.text + JSON.stringify(data.structure.residues);
    this.opened ??= this.load3Dmol(new URL(data.viewer_url, addressOfApp()));
    this.opened.then((isOpen) => isOpen && this.draw()).catch((error) => this.fail(error));
  }

  mark(state) {
    this.state = state;
    this.reading();
    if (this.drawn.source) this.draw();
  }

  // Opening and closing

  /** Whether the viewer is open; false, after a line, where its file isn't to be had. */
  load3Dmol(url) {
    return import(url).then(
      (mol) => {
        this.open(mol);
        return true;
      },
      () => {
        this.empty();
        this.say(`3D is off: the viewer's file wasn't found at ${url}. Strip and map work without it.`);
        return false;
      },
    );
  }

  open(mol) {
    if (this.closed) return;
    this.host = idleViewers.pop();
    if (!this.host) {
      this.host = document.createElement("div");
      this.host.className = "viewer";
      this.stage.append(this.host);
      // Not upscaled: twice the resolution costs four times the time where WebGL runs in software.
      this.host.viewer = mol.createViewer(this.host, { cartoonQuality: 7, hoverDuration: 60, upscale: false });
    }
    this.stage.prepend(this.host);
    this.viewer = this.host.viewer;
    this.viewer.setViewChangeCallback(() => this.placeTags());
  }

  empty() {
    this.legend.replaceChildren();
    this.readout.textContent = "";
    this.recentre.hidden = true;
    if (!this.viewer) return;
    this.viewer.removeAllShapes();
    this.viewer.removeAllModels();
    this.drawn = {};
    this.setTags([]);
    this.viewer.render();
  }

  close() {
    this.closed = true;
    if (!this.viewer) return;
    this.empty();
    this.viewer.setViewChangeCallback(null);
    idleViewers.push(this.host);
  }

  say(text) {
    this.note.hidden = !text;
    this.note.textContent = text ?? "";
  }

  fail(error) {
    console.error(error);
    this.empty();
    this.say("The 3D view could not be drawn here; strip and map work without it.");
  }

  // Drawing: each part again only when what it shows has changed

  draw() {
    if (this.closed || !this.data.structure) return;
    const { structure, values } = this.data;
    const { masked, picked } = this.state;
    const fresh = this.drawn.source !== this.source;
    if (fresh) this.load(structure);
    if (this.changed("looks", JSON.stringify([this.theme, values, masked]))) this.colour();
    if (this.changed("contacts", JSON.stringify([this.contacts, this.theme]))) this.joinContacts();
    if (this.changed("picked", JSON.stringify(picked))) this.showPicked();
    this.recentre.hidden = false;
    if (fresh) this.lookAtAll();
    else this.viewer.render();
    this.reading();
  }

  changed(part, value) {
    const changed = this.drawn[part] !== value;
    this.drawn[part] = value;
    return changed;
  }

  load({ text, format, residues }) {
    this.viewer.removeAllShapes();
    this.viewer.removeAllModels();
    this.drawn = { source: this.source };
    this.shapes = {};
    const keys = new Map(residues.flatMap((place, residue) => (place ? [[placeKey(...place), residue]] : [])));
    const model = this.viewer.addModel(text, format === "mmcif" ? "cif" : "pdb", { doAssembly: false });
    this.atoms = residues.map(() => []);
    for (const atom of model.selectedAtoms({})) {
      atom.residue = keys.get(placeKey(atom.chain, atom.resi, atom.icode ?? "")) ?? null;
      if (atom.residue !== null) this.atoms[atom.residue].push(atom);
    }
    this.traced = !model.selectedAtoms({ atom: "O" }).length; // Cα alone make no ribbon
    this.anchors = this.atoms.map((atoms) => atoms.find((atom) => atom.atom === "CA") ?? atoms[0]);
    this.viewer.setClickable({}, true, (atom, _viewer, event) => this.clicked(atom, event));
    this.viewer.setHoverable({}, true, (atom) => this.reading(atom.residue), () => this.reading());
  }

  colour() {
    const { paper, plain, other, colours } = this.theme;
    const { values } = this.data;
    const codes = values && bytes(values.codes);
    const shades = values && valueShades(values, values.palette, this.theme).map(hex);
    const masked = new Set(this.state.masked);
    const colourOf = ({ residue }) => {
      if (residue === null) return hex(other);
      if (masked.has(residue)) return colours.masked;
      return codes ? shades[codes[residue]] : hex(plain);
    };
    this.viewer.setBackgroundColor(hex(paper));
    this.viewer.setStyle({}, { cartoon: { colorfunc: colourOf, arrows: true, ...(this.traced && { style: "trace" }) } });
  }

  joinContacts() {
    const lines = this.contacts.flatMap(([i, j, kind]) =>
      this.anchors[i] && this.anchors[j] ? [{ from: this.anchors[i], to: this.anchors[j], kind }] : []);
    for (const kind of Object.keys(this.theme.kinds)) {
      const shape = this.newShape(kind, this.theme.colours[kind]);
      for (const { from, to } of lines.filter((line) => line.kind === kind))
        shape.addCylinder({ start: from, end: to, radius: LINE_RADIUS, fromCap: 1, toCap: 1 });
    }
  }

  showPicked() {
    const shape = this.newShape("picked", this.theme.colours.picked);
    const shown = this.state.picked.filter((residue) => this.anchors[residue]);
    for (const residue of shown) {
      shape.addSphere({ center: this.anchors[residue], radius: 1.1 });
      for (const atom of this.atoms[residue]) {
        shape.addSphere({ center: atom, radius: 0.3 });
        for (const bonded of this.atoms[residue].filter((other) => atom.index < other.index && atom.bonds.includes(other.index)))
          shape.addCylinder({ start: atom, end: bonded, radius: 0.3 });
      }
    }
    if (shown.length === 2) {
      const [start, end] = shown.map((residue) => this.anchors[residue]);
      shape.addDashedCylinder({ start, end, radius: 0.14, dashLength: 0.7, gapLength: 0.5 });
    }
    this.setTags(shown);
  }

  newShape(name, color) {
    if (this.shapes[name]) this.viewer.removeShape(this.shapes[name]);
    return (this.shapes[name] = this.viewer.addShape({ color }));
  }

  lookAtAll() {
    this.viewer.zoomTo({ predicate: (atom) => atom.residue !== null }); // not the waters around it
    this.viewer.zoom(0.94); // room for the ribbon beyond its atoms
    this.viewer.render();
  }

  // Names beside the picked residues: HTML above the canvas, so that text stays crisp

  setTags(residues) {
    this.tags.forEach(({ tag }) => tag.remove());
    this.tags = residues.map((residue) => {
      const tag = document.createElement("span");
      tag.className = "tag";
      tag.textContent = this.data.residues[residue];
      this.stage.append(tag);
      return { tag, anchor: this.anchors[residue] };
    });
    this.placeTags();
  }

  placeTags() {
    if (!this.tags.length) return;
    const box = this.stage.getBoundingClientRect();
    for (const { tag, anchor } of this.tags) {
      const { x, y } = this.viewer.modelToScreen(anchor);
      tag.style.transform = `translate(${x - box.left - window.scrollX + 10}px, ${y - box.top - window.scrollY - 24}px)`;
    }
  }

  drawLegend() {
    this.legend.replaceChildren(...structureLegend(this.data, this.contacts, this.theme));
  }

  // What it says, and what a click does

  reading(residue = null) {
    if (!this.drawn.source) return;
    const { residues, values, structure } = this.data;
    const missing = this.state.picked.filter((picked) => !structure.residues[picked]).map((picked) => residues[picked]);
    const value = values && residue !== null ? ` · ${values.label}: ${residueText(values, bytes(values.codes)[residue])}` : "";
    const idle = missing.length ? `${missing.join(" and ")} is not resolved in this structure.` : "Drag to turn, click a residue to pick it.";
    this.readout.classList.toggle("idle", residue === null);
    this.readout.textContent = residue === null ? idle : residues[residue] + value;
  }

  clicked(atom, event) {
    if (atom.residue !== null) this.on.pick(atom.residue, event.ctrlKey || event.metaKey);
  }

  keyed(event) {
    if (!this.drawn.source) return;
    const [down, right] = ARROWS[event.key] ?? [0, 0];
    if (event.shiftKey && (down || right)) {
      this.viewer.rotate(TURN * (down + right), down ? "x" : "y");
      this.viewer.render();
    } else if (right) {
      const next = this.resolvedBeside(this.state.picked.at(-1), right);
      if (next !== undefined) this.on.pick(next, false);
    } else if (event.key in ZOOM) {
      this.viewer.zoom(ZOOM[event.key]);
      this.viewer.render();
    } else if (event.key === "Escape") {
      this.on.clear();
    } else return;
    event.preventDefault();
  }

  /** The next residue of the structure in one direction, the first where none is picked; undefined at an end. */
  resolvedBeside(residue, step) {
    const resolved = [...this.anchors.keys()].filter((each) => this.anchors[each]);
    if (residue === undefined) return resolved[0];
    return step > 0 ? resolved.find((each) => each > residue) : resolved.findLast((each) => each < residue);
  }
}

/** What colours of residues and lines between them mean. */
function structureLegend({ values, maskable }, contacts, theme) {
  const items = kindItems(contacts, theme);
  if (values?.classes.length) items.unshift(...values.classes.map(([name, colour]) => legendItem("swatch", colour, name)));
  else if (values) items.unshift(rampItem(values, theme, values.label));
  if (maskable) items.push(legendItem("swatch", theme.colours.masked, "masked"));
  items.push(legendItem("swatch", theme.colours.picked, "picked"));
  return items;
}

function placeKey(chain, number, insertion) {
  return `${chain}|${number}|${insertion.trim()}`;
}

/** Where the app really is: beside Streamlit's own scripts, also behind a proxy that strips a prefix of the path. */
function addressOfApp() {
  const own = [...document.scripts].find(({ src }) => src.includes("/static/js/"));
  return own ? own.src.slice(0, own.src.indexOf("/static/js/") + 1) : document.baseURI;
}
