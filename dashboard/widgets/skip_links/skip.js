// Skip links, in front of everything in the document: seen only while one of them has the focus.

const STYLE = `
  nav { position: fixed; inset: 8px auto auto 8px; z-index: 1000000; display: flex; flex-direction: column; gap: 2px;
        padding: 8px; border-radius: 8px; background: #14171c; color: #ffffff; font: 400 15px/1.4 system-ui, sans-serif; }
  nav:not(:focus-within) { width: 1px; height: 1px; padding: 0; overflow: hidden; opacity: 0; }
  a { padding: 4px 10px; border-radius: 5px; color: inherit; }
  a:focus { outline: 2px solid #ffffff; }
`;
const TITLES = "h1, h2, h3, h4, strong";

class SkipLinks {
  constructor() {
    this.host = document.createElement("div");
    this.host.className = "skip-links";
    const [style, nav] = ["style", "nav"].map((name) => document.createElement(name));
    style.textContent = STYLE;
    nav.setAttribute("aria-label", "Skip to");
    nav.append(link("Skip to the page", () => document.querySelector("[data-testid=stMain]")));
    nav.addEventListener("focusin", ({ target }) => target === nav.firstChild && this.list(nav));
    this.host.attachShadow({ mode: "open" }).append(style, nav);
    document.body.prepend(this.host);
  }

  /** A link for each framed panel that has a title, in the order of the page. */
  list(nav) {
    const blocks = [...document.querySelectorAll("[data-testid=stMain] [data-testid=stVerticalBlock]")];
    const panels = blocks.filter((block) => parseFloat(getComputedStyle(block).borderTopWidth) && titleOf(block));
    [...nav.children].slice(1).forEach((old) => old.remove());
    nav.append(...panels.map((panel) => link(titleOf(panel), () => panel)));
  }
}

/** The first heading in a panel, in its components too. */
function titleOf(panel) {
  const roots = [...panel.querySelectorAll("*")].flatMap(({ shadowRoot }) => shadowRoot ?? []);
  const titles = [panel, ...roots].map((root) => root.querySelector(TITLES)?.textContent.trim());
  return titles.find(Boolean);
}

function link(text, find) {
  const element = document.createElement("a");
  element.href = "#";
  element.textContent = text;
  element.addEventListener("click", (event) => {
    event.preventDefault();
    const place = find();
    place.tabIndex = -1;
    place.focus();
    place.scrollIntoView({ block: "start" });
  });
  return element;
}

export default ({ parentElement }) => {
  const links = (parentElement.skipLinks ??= new SkipLinks());
  return () => {
    links.host.remove();
    delete parentElement.skipLinks;
  };
};
