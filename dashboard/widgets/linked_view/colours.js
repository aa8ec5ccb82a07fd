// Colours: Streamlit's theme as the canvas needs it, and the ramps that turn a byte into a colour.

/** What the page looks like now: background and text as [r, g, b], the font, the colour of each meaning, the kinds. */
function themeOf(element, { colours, kinds }) {
  const style = getComputedStyle(element);
  const paper = rgb(style.getPropertyValue("--st-background-color"));
  const ink = rgb(style.getPropertyValue("--st-text-color"));
  // What has no colour of its own in 3D: lighting darkens it, so on dark paper it starts lighter.
  const [plain, other] = (paper[1] < ink[1] ? [0.5, 0.22] : [0.27, 0.1]).map((share) => mix(paper, ink, share));
  const faint = mix(paper, ink, parseFloat(style.getPropertyValue("--faintness")) / 100);
  return { paper, ink, plain, other, faint, font: style.getPropertyValue("--st-font"), colours, kinds };
}

/** 256 colours for the codes of a matrix: 0 is blank, 1 to 255 run from low to high. */
function ramp(palette, theme) {
  const stops = rampStops(palette, theme);
  return Array.from({ length: 256 }, (_, code) => {
    if (code === 0) return theme.paper;
    const place = ((code - 1) / 254) * (stops.length - 1);
    const k = Math.min(Math.floor(place), stops.length - 2);
    return mix(stops[k], stops[k + 1], place - k);
  });
}

/** 256 colours for the codes of residue values: those of their classes, or a ramp of this palette. */
function valueShades(values, palette, theme) {
  if (!values.classes.length) return ramp(palette, theme);
  return Array.from({ length: 256 }, (_, code) => rgb(values.classes[classAt(values, code)][1]));
}

function classAt(values, code) {
  return Math.min(Math.round((Math.max(code - 1, 0) / 254) * values.high), values.classes.length - 1);
}

/** What a residue's value says, as short text. */
function residueText(values, code) {
  return values.classes.length ? values.classes[classAt(values, code)][0] : valueText(code, values);
}

/** The same for a picture on paper. */
function paperTheme({ colours, kinds }) {
  const [paper, ink] = [PAPER.paper, PAPER.ink].map(rgb);
  const [plain, other, faint] = [0.27, 0.1, 0.62].map((share) => mix(paper, ink, share));
  return { paper, ink, plain, other, faint, font: PAPER.font, colours, kinds };
}

function rampStops(palette, { paper, ink, plain, colours }) {
  const blank = mix(paper, ink, 0.03);
  if (palette === "change") return [rgb(colours.lowers), blank, rgb(colours.raises)];
  if (palette === "truth") return [blank, mix(paper, ink, 0.72)];
  if (palette === "effects") return [rgb(colours.lowers), plain, rgb(colours.raises)];
  if (palette === "values") return [plain, mix(plain, rgb(colours.edited), 0.7), rgb(colours.edited)];
  const colour = rgb(colours[palette]);
  return [blank, mix(blank, colour, 0.62), colour, mix(colour, ink, 0.5)];
}

function gradient(palette, theme) {
  const stops = rampStops(palette, theme).map(hex);
  return `linear-gradient(to right, ${stops.join(", ")})`;
}

/** Bytes sent as base64. */
function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** The value that a code stands for, as short text; "not known" for a blank. */
function valueText(code, scale) {
  if (code === 0) return "not known";
  if (scale.palette === "truth") return code > 127 ? "yes" : "no";
  return short(scale.low + ((code - 1) / 254) * (scale.high - scale.low));
}

function short(value) {
  return String(Number(value.toPrecision(2))).replace("-", "−");
}

/** A line of a legend: a swatch or a ramp, then plain text. */
function legendItem(className, background, text) {
  const item = document.createElement("span");
  const sample = document.createElement("i");
  sample.className = className;
  sample.style.background = background;
  item.append(sample, text);
  return item;
}

function rampItem(scale, theme, name) {
  const item = legendItem("ramp", gradient(scale.palette, theme), `${short(scale.high)} ${name}`);
  item.prepend(short(scale.low));
  return item;
}
