// The part of the address after `#`, which browsers send to nobody. It may carry a secret, so it is
// removed at once.

/** Takes the parameters out of the address bar. */
export function takeFragment() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  if (location.hash !== "") history.replaceState(history.state, "", location.pathname);
  return fragment;
}
