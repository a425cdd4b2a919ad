// Checks of a driver's page: the message field is free, and every target is large enough.

/** The elements that cover the middle or a corner of the field. @param {import("playwright-core").Page} page */
export const covering = (page) =>
  page.evaluate(() => {
    const field = /** @type {HTMLElement} */ (document.querySelector("#message"));
    field.scrollIntoView({ block: "nearest" });
    const { left, right, top, bottom } = field.getBoundingClientRect();
    const points = [[left + 8, top + 8], [right - 8, top + 8], [left + 8, bottom - 8], [right - 8, bottom - 8], [(left + right) / 2, (top + bottom) / 2]];
    const seen = points.map(([x = 0, y = 0]) => document.elementFromPoint(x, y));
    return seen.filter((one) => one !== field).map((one) => (one ? `${one.tagName}.${one.className}` : "out of sight"));
  });

/** The targets that are too small, or too close to another one. @param {Page} page */
export const badTargets = (page) =>
  page.evaluate(() => {
    const dialog = document.querySelector("dialog[open]");
    const all = /** @type {HTMLElement[]} */ ([...(dialog ?? document).querySelectorAll("button, textarea, input")]).filter((one) => one.checkVisibility());
    const boxes = all.map((one) => ({ one, name: one.textContent || one.id, box: one.getBoundingClientRect() }));
    const small = boxes.filter(({ box }) => box.width < 76 || box.height < 76);
    const bad = small.map(({ name, box }) => `${name}: ${box.width} × ${box.height}`);
    // The part of a target that its scrolled container shows.
    const places = boxes.flatMap(({ one, name, box }) => {
      const scrolled = one.closest(".quick, .tabs")?.getBoundingClientRect();
      const [left, right] = [Math.max(box.left, scrolled?.left ?? -Infinity), Math.min(box.right, scrolled?.right ?? Infinity)];
      return left < right ? [{ name, left, right, top: box.top, bottom: box.bottom }] : [];
    });
    for (const [index, one] of places.entries()) {
      for (const other of places.slice(index + 1)) {
        const across = Math.max(one.left - other.right, other.left - one.right);
        const down = Math.max(one.top - other.bottom, other.top - one.bottom);
        const apart = Math.max(across, down);
        if (apart < 16) bad.push(`${one.name} and ${other.name}: ${apart} px apart`);
      }
    }
    return bad;
  });
