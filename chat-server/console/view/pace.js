// Showing what changed once for all that changed together.

/**
 * A function that asks for `show`, which is called once after all that happens now.
 *
 * @param {() => void} show
 */
export function together(show) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    queueMicrotask(() => {
      isAsked = false;
      show();
    });
  };
}
