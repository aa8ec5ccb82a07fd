// Saves the plotly figure of its panel, drawn anew for paper by the plotly.js that Streamlit brings.

const NARROWEST = 720; // CSS pixels: 7.5 inches

class SavePicture extends Shared {
  constructor(root) {
    super();
    this.root = root.querySelector(".figure");
    saveButtons(this.root.querySelector(".save"), "this figure", (format) => this.save(format));
  }

  update(data, send) {
    this.receive(data, send);
  }

  save(format) {
    const panel = panelAround(this.root);
    const caption = panel.querySelector("[data-testid=stCaptionContainer]").innerText;
    const drawn = async () => drawnForPaper(await chartIn(panel));
    return savePicture(format, this.data.name, drawn, headingAbove(panel), [caption, this.data.source]);
  }
}

/** The heading that a reader sees above a panel: the last one before it that is a heading, or a line all in bold. */
function headingAbove(panel) {
  const headings = [...document.querySelectorAll(".stMain :is(h1, h2, h3, h4, p > strong)")];
  const whole = headings.filter((each) => each.tagName !== "STRONG" || each.textContent === each.parentElement.textContent);
  const above = whole.filter((each) => each.compareDocumentPosition(panel) & Node.DOCUMENT_POSITION_FOLLOWING);
  return above.at(-1)?.textContent ?? document.title;
}

/** The panel's figure, once it is drawn: while the page is redrawn its place may be empty for a moment. */
async function chartIn(panel) {
  let chart = null;
  while (!chart?.data) {
    await new Promise(requestAnimationFrame);
    chart = panel.querySelector(".js-plotly-plot");
  }
  return chart;
}

async function drawnForPaper({ data, layout }) {
  const axis = { gridcolor: "#e3e8ee", linecolor: "#e3e8ee", zerolinecolor: "#c5ccd6", automargin: true };
  const template = {
    data: layout.template?.data,
    layout: { paper_bgcolor: PAPER.paper, plot_bgcolor: PAPER.paper, font: { color: PAPER.ink }, xaxis: axis, yaxis: axis },
  };
  const [width, height] = [Math.max(NARROWEST, layout.width ?? 0), layout.height];
  const figure = { data, layout: { ...layout, template } };
  const text = await window.Plotly.toImage(figure, { format: "svg", width, height, imageDataOnly: true });
  const element = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
  return { element, width, height };
}

export default (component) => mount(SavePicture, component);
