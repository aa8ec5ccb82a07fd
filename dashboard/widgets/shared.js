// What the components share: a value that browser and page can both change, colours, modes, and how they are mounted.

const shown = new WeakMap();
const ARROWS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

class Shared {
  /** Takes what Python sent; its value counts unless Python hasn't seen the latest change made here. */
  receive(data, send) {
    this.data = data;
    this.send = send;
    for (const [meaning, colour] of Object.entries(data.colours)) this.root.style.setProperty(`--${meaning}`, colour);
    this.number ??= data.number;
    if (data.number === this.number) this.state = data.value;
  }

  change(state) {
    this.state = state;
    this.show();
    this.number = Math.max(Date.now(), this.number + 1);
    this.send("sent", { number: this.number, value: state });
  }
}

/** The buttons that say what a click does: one is pressed, at first the first. */
class Modes {
  constructor(root) {
    this.buttons = [...root.querySelectorAll(".modes button")];
    this.buttons.forEach((button) => button.addEventListener("click", () => this.press(button)));
    this.press(this.buttons[0]);
  }

  press(pressed) {
    this.chosen = pressed.dataset.mode;
    this.buttons.forEach((button) => button.setAttribute("aria-pressed", button === pressed));
  }
}

/** The panel that a component was drawn in. */
function panelAround(element) {
  return element.getRootNode().host.closest("[class*=st-key-panel]");
}

/** Draws the view of a place, made when the place is new; what it gives back ends the view. */
function mount(View, { parentElement, data, setStateValue }) {
  if (!shown.has(parentElement)) shown.set(parentElement, new View(parentElement));
  const view = shown.get(parentElement);
  view.update(data, setStateValue);
  return () => {
    view.close?.();
    shown.delete(parentElement);
  };
}

const pen = document.createElement("canvas").getContext("2d");

/** A CSS colour as [red, green, blue]. */
function rgb(colour) {
  pen.fillStyle = "#000";
  pen.fillStyle = colour.trim();
  return [1, 3, 5].map((start) => parseInt(pen.fillStyle.slice(start, start + 2), 16));
}

function mix(from, to, share) {
  return from.map((channel, k) => Math.round(channel + (to[k] - channel) * share));
}

function hex(channels) {
  return "#" + channels.map((channel) => channel.toString(16).padStart(2, "0")).join("");
}
