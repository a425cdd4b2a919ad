// Elements. Text is inserted as text only, and can't become markup.

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * Creates an element with attributes and children. A function is an event handler; `true` is an
 * attribute without a value; `false`, `null` and `undefined` omit the attribute, except for `aria-`
 * attributes, where `true` and `false` are written out.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, unknown>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, /** @type {EventListener} */ (value));
    else set(element, name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {unknown} value
 */
export function set(element, name, value) {
  if (typeof value === "boolean" && name.startsWith("aria-")) return set(element, name, String(value));
  if (value === false || value === null || value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value === true ? "" : value)) {
    element.setAttribute(name, value === true ? "" : String(value));
  }
}

/**
 * Sets an element's text, only if it differs, because screen readers announce every change.
 *
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Hides or shows an element, only if its state differs.
 *
 * @param {HTMLElement} element
 * @param {boolean} isHidden
 */
export function hide(element, isHidden) {
  if (element.hidden !== isHidden) element.hidden = isHidden;
}

/**
 * Whether a key event belongs to an input method that composes a character, and must be ignored.
 * Some browsers report this by the key code alone.
 *
 * @param {KeyboardEvent} event
 */
export const isComposed = (event) => event.isComposing || event.keyCode === 229;

/**
 * Text for screen readers only.
 *
 * @param {string} text
 */
export const hidden = (text) => h("span", { class: "hidden" }, text);

/**
 * Updates the children of an element to match `items`, in order. Unchanged children are not
 * touched.
 *
 * @template Item
 * @param {Element} parent
 * @param {Iterable<Item>} items
 * @param {(item: Item) => string} key
 * @param {(item: Item) => HTMLElement} make
 * @param {(element: HTMLElement, item: Item) => void} update
 */
export function reconcile(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((child) => [/** @type {HTMLElement} */ (child).dataset.key, child]));
  let next = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const element = /** @type {HTMLElement} */ (old.get(name) ?? make(item));
    old.delete(name);
    set(element, "data-key", name);
    update(element, item);
    if (element === next) next = element.nextElementSibling;
    else parent.insertBefore(element, next);
  }
  for (const gone of old.values()) gone.remove();
}
