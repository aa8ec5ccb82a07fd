// Before the page sees them: an answer that was just chosen would take the keys for its own, and choose another.

const WRITES = "textarea, [role=combobox][aria-expanded=true], input:not([type=radio], [type=checkbox], [role=combobox])";

export default ({ data }) => {
  const turn = (event) => {
    const { key, target, altKey, ctrlKey, metaKey, shiftKey } = event;
    const button = data[key] && document.querySelector(data[key]);
    if (!button || altKey || ctrlKey || metaKey || shiftKey || target.shadowRoot || target.matches(WRITES)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    button.click();
  };
  document.addEventListener("keydown", turn, true);
  return () => document.removeEventListener("keydown", turn, true);
};
