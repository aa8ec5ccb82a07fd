// Tells Python which cell of its panel's heatmap was clicked.

class PickCell extends Shared {
  constructor(root) {
    super();
    this.root = root.querySelector(".cells");
    this.closed = new AbortController();
    this.clicked = ({ points: [cell] }) => this.change({ column: cell.x, row: cell.y });
  }

  update(data, send) {
    this.receive(data, send);
    if (this.panel) return;
    this.panel = panelAround(this.root);
    this.panel.addEventListener("pointerover", () => this.listen(), { signal: this.closed.signal });
  }

  /** Each time the pointer comes: Streamlit may have drawn another chart meanwhile, or emptied and refilled this one. */
  listen() {
    this.leave();
    this.chart = this.panel.querySelector(".js-plotly-plot");
    this.chart?.on?.("plotly_click", this.clicked);
  }

  leave() {
    this.chart?.removeListener?.("plotly_click", this.clicked);
  }

  show() {} // what is picked is marked by the page, in its figure

  close() {
    this.closed.abort();
    this.leave();
  }
}

export default (component) => mount(PickCell, component);
