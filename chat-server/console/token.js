// Reading the claims of a token. Only the server verifies tokens.

/** @typedef {import("./types.d.ts").Role} Role */

const ROLES = ["BUS_DRIVER", "QUEUE_REGULATOR", "CONTROL_STAFF", "CONTROL_ADMIN"];

/**
 * The claims of a token, or `null` if it is none of the chat's.
 *
 * @param {string} token
 * @returns {{ id: string, role: Role, first_name: string, last_name: string, expires: number, isForLater: boolean } | null} `expires`
 *   in milliseconds since 1970; `isForLater`: whether the token names a time before which it is not valid
 */
export function claims(token) {
  const parts = token.split(".");
  if (parts.length !== 3 || !parts.every((part) => /^[\w-]+$/.test(part))) return null;
  const read = decode(parts[1] ?? "");
  if (typeof read?.sub !== "string" || !ROLES.includes(read.role) || typeof read.exp !== "number") return null;
  const name = (/** @type {unknown} */ text) => (typeof text === "string" ? text : "");
  return {
    id: read.sub,
    role: read.role,
    first_name: name(read.first_name),
    last_name: name(read.last_name),
    expires: read.exp * 1000,
    isForLater: typeof read.nbf === "number",
  };
}

/** @param {Role} role */
export const isControl = (role) => role === "CONTROL_STAFF" || role === "CONTROL_ADMIN";

/** @param {string} part base 64 for addresses */
function decode(part) {
  try {
    const bytes = Uint8Array.from(atob(part.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
}
