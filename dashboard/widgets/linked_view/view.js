// The linked view: one state in the browser, three views of it, and Python told of every change.

const WHAT = { strip: "the sequence", map: "the map", structure: "the view" };

class LinkedView extends Shared {
  constructor(root) {
    super();
    this.root = root.querySelector(".view");
    this.state = { picked: [], masked: [] };
    const on = {
      clear: () => this.pick([]),
      mask: (residue) => this.mask(residue),
    };
    const one = (residue, add) => this.pickOne(residue, add);
    this.strip = new Strip(this.root.querySelector(".strip"), new Modes(this.root), { ...on, pick: one });
    this.map = new ContactMap(this.root.querySelector(".map"), { ...on, pick: (picked) => this.pick(picked) });
    this.structure = new StructureView(this.root.querySelector(".structure"), { ...on, pick: one });
    const pictures = {
      strip: () => stripPicture(this.data, this.state),
      map: () => mapPicture(this.map.cells, this.data, this.state.picked),
      structure: () => structurePicture(this.structure),
    };
    for (const [name, draw] of Object.entries(pictures)) {
      const place = this.root.querySelector(name === "strip" ? ".strip-save" : `.${name} .save`);
      const formats = name === "structure" ? ["png"] : ["png", "svg"];
      saveButtons(place, WHAT[name], (format) => this.save(format, name, draw), formats);
    }
    this.clear = this.root.querySelector(".clear");
    this.clear.addEventListener("click", on.clear);
  }

  update(data, send) {
    this.receive(data, send);
    this.root.querySelector(".modes").hidden = !data.maskable;
    for (const name of ["map", "structure"]) {
      const panel = this.root.querySelector(`.${name}`);
      panel.querySelector("h3").textContent = data.texts[`${name}_title`];
      panel.querySelector("figcaption").textContent = data.texts[`${name}_caption`];
    }
    const theme = themeOf(this.root, data);
    this.strip.update(data.residues, data.values, theme);
    this.root.querySelector(".map").hidden = !data.cells;
    if (data.cells) this.map.update(data, theme);
    this.structure.update(data, theme);
    this.root.querySelector(".structure .save").hidden = Boolean(data.texts.no_3d);
    this.show();
  }

  pickOne(residue, add) {
    const { picked } = this.state;
    const others = picked.filter((other) => other !== residue);
    const again = others.length < picked.length && (add || !others.length);
    if (again) this.pick(others);
    else this.pick(add ? [...others.slice(-1), residue] : [residue]);
  }

  pick(picked) {
    this.change({ ...this.state, picked });
  }

  mask(residue) {
    if (!this.data.maskable) return;
    const { masked } = this.state;
    const others = masked.filter((other) => other !== residue);
    this.change({ ...this.state, masked: others.length < masked.length ? others : [...masked, residue].sort((a, b) => a - b) });
  }

  show() {
    const { picked } = this.state;
    this.strip.mark(this.state);
    if (this.data.cells) this.map.mark(picked);
    this.structure.mark(this.state);
    this.clear.disabled = !picked.length;
    this.root.querySelector(".bar .picked").textContent = picked.length
      ? `Picked: ${picked.map((residue) => this.data.residues[residue]).join(" and ")}`
      : "Click a residue, here or below.";
  }

  save(format, name, draw) {
    const { texts, source } = this.data;
    const title = texts[`${name}_title`] ?? "Sequence";
    return savePicture(format, title, draw, title, [texts[`${name}_caption`], source]);
  }

  close() {
    this.structure.close();
  }
}

export default (component) => mount(LinkedView, component);
