// Pictures to keep: a panel as SVG, or as PNG at print size, black on white, under its title and above its caption.

const INCH = 96; // CSS pixels
const DOTS_PER_INCH = 300;
const PAPER = { paper: "#ffffff", ink: "#23272f", faint: "#5b6470", font: "system-ui, sans-serif" };
const TITLE = { size: 16, weight: 600, leading: 21 };
const TEXT = { size: 12, weight: 400, leading: 16 };
const EDGE_OF_PAGE = 16;

/** An SVG element; what is null among its attributes is left out. */
function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function svgText(x, y, text, more = {}) {
  return svg("text", { x, y, fill: PAPER.ink, "font-family": PAPER.font, "font-size": TEXT.size, ...more }, text);
}

/** How wide a text is, in CSS pixels. */
function widthOf(text, { size, weight }) {
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = `${weight} ${size}px ${PAPER.font}`;
  return ruler.measureText(text).width;
}

/** A text broken into lines that fit a width. */
function wrapped(text, width, look) {
  const lines = [];
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && widthOf(longer, look) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

/** A picture {element, width, height} on a white page, between its title and the lines below it. */
function onPage({ element, width, height }, title, below) {
  const page = { width: width + 2 * EDGE_OF_PAGE, height: EDGE_OF_PAGE };
  const parts = [];
  const write = (text, look, fill) => {
    for (const line of wrapped(text, width, look)) {
      page.height += look.leading;
      const baseline = page.height - 0.3 * look.size;
      parts.push(svgText(EDGE_OF_PAGE, baseline, line, { fill, "font-size": look.size, "font-weight": look.weight }));
    }
  };
  write(title, TITLE, PAPER.ink);
  page.height += 8;
  parts.push(svg("g", { transform: `translate(${EDGE_OF_PAGE} ${page.height})` }, element));
  page.height += height + 8;
  for (const text of below) write(text, TEXT, PAPER.faint);
  page.height += EDGE_OF_PAGE;
  const size = { width: page.width, height: page.height, viewBox: `0 0 ${page.width} ${page.height}` };
  const white = svg("rect", { width: page.width, height: page.height, fill: PAPER.paper });
  return svg("svg", { ...size, "font-family": PAPER.font }, white, ...parts);
}

/** Items of a legend on the page, drawn in lines that fit a width: {element, height}. */
function svgLegend(items, width) {
  const group = svg("g");
  let [x, y] = [0, 0];
  items.forEach((item, number) => {
    const sample = item.querySelector("i");
    const [before, after] = [sample.previousSibling, sample.nextSibling].map((text) => text?.textContent ?? "");
    const colours = sample.style.background.match(/rgb\([^)]*\)|#[0-9a-f]{6}/gi) ?? ["none"];
    const length = colours.length > 1 ? 72 : 12;
    const start = before ? widthOf(before, TEXT) + 6 : 0;
    const whole = start + length + 6 + widthOf(after, TEXT);
    if (x && x + whole > width) [x, y] = [0, y + 20];
    let fill = colours[0];
    if (colours.length > 1) {
      const stops = colours.map((colour, k) => svg("stop", { offset: k / (colours.length - 1), "stop-color": colour }));
      group.append(svg("linearGradient", { id: `scale-${number}` }, ...stops));
      fill = `url(#scale-${number})`;
    }
    group.append(
      svgText(x, y + 11, before),
      svg("rect", { x: x + start, y: y + 1, width: length, height: 11, rx: 2, fill, stroke: PAPER.faint, "stroke-width": 0.5 }),
      svgText(x + start + length + 6, y + 11, after),
    );
    x += whole + 18;
  });
  return { element: group, height: items.length ? y + 20 : 0 };
}

function blobOf(page) {
  return new Blob([new XMLSerializer().serializeToString(page)], { type: "image/svg+xml" });
}

async function pngOf(page) {
  const scale = DOTS_PER_INCH / INCH;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = ["width", "height"].map((side) => Math.round(scale * page.getAttribute(side)));
  page.setAttribute("width", canvas.width);
  page.setAttribute("height", canvas.height);
  const image = new Image();
  image.src = URL.createObjectURL(blobOf(page));
  await image.decode();
  canvas.getContext("2d").drawImage(image, 0, 0);
  URL.revokeObjectURL(image.src);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

/** Saves a panel's picture, which `draw` makes when it is asked for, under its title and above its captions. */
async function savePicture(format, name, draw, title, below) {
  const page = onPage(await draw(), title, below.filter(Boolean));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(format === "png" ? await pngOf(page) : blobOf(page));
  link.download = `${name.replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "").toLowerCase()}.${format}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Fills a place with a button per format, which hands its format to `save`. */
function saveButtons(place, what, save, formats = ["png", "svg"]) {
  const said = { png: `Save ${what} as PNG, ${DOTS_PER_INCH} dots per inch`, svg: `Save ${what} as SVG, sharp at any size` };
  place.replaceChildren(...formats.map((format) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: format.toUpperCase(), title: said[format] });
    button.dataset.format = format;
    button.addEventListener("click", () => save(format));
    return button;
  }));
}
