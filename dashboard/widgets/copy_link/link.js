// A link to what is shown: the address as it is, or where that is long, its choices compressed behind the #.

const LONG = 400; // letters from which mail programs and chats begin to break links
const MARK = "#choices=";

class CopyLink extends Shared {
  constructor(root) {
    super();
    this.root = root.querySelector(".link");
    this.root.querySelector("button").addEventListener("click", () => this.copy());
    if (location.hash.startsWith(MARK)) this.open();
  }

  update(data, send) {
    this.receive(data, send);
    if (data.go_to) location.assign(new URL(data.go_to, location.href));
  }

  /** Goes to the address that the fragment holds. */
  async open() {
    try {
      location.replace(location.pathname + (await expanded(location.hash.slice(MARK.length))));
    } catch {
      this.say("The short link is damaged: ask for it again.");
    }
  }

  async copy() {
    const page = location.origin + location.pathname;
    const whole = page + location.search;
    const short = whole.length > LONG ? page + MARK + (await compressed(location.search)) : whole;
    const link = short.length < whole.length ? short : whole;
    try {
      await navigator.clipboard.writeText(link);
      this.say(link === whole ? "Copied." : `Copied, ${link.length} letters instead of ${whole.length}.`);
    } catch {
      this.say(link); // a browser copies nothing on a page without https
    }
  }

  say(text) {
    this.root.querySelector("[role=status]").textContent = text;
  }
}

async function compressed(text) {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

async function expanded(text) {
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Response(stream).text();
}

export default (component) => mount(CopyLink, component);
