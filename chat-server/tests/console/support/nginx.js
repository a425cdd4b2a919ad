// nginx in front of a server, configured as the guide says.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const PAGE = new URL("../../../operation/NGINX.md", import.meta.url);

/** The pause between two attempts to reach nginx, in milliseconds. */
const AGAIN = 20;

/** The configuration of the guide, with other paths and ports. @param {[string, string][]} places */
async function site(places) {
  const [, text = ""] = /^```nginx\n(.*?)^```$/ms.exec(await readFile(PAGE, "utf8")) ?? [];
  return places.reduce((site, [written, here]) => {
    if (!site.includes(written)) throw new Error(`the page has no ${written}`);
    return site.replace(written, here);
  }, text);
}

/** A port that nothing listens on. @returns {Promise<number>} */
async function freePort() {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (holder.address());
  holder.close();
  await once(holder, "close");
  return port;
}

/** Waits until the port is open. @param {number} port @param {import("node:child_process").ChildProcess} child */
async function listens(port, child) {
  while (child.exitCode === null) {
    const socket = connect(port, "127.0.0.1");
    const listens = await once(socket, "connect").then(() => true, () => false);
    socket.destroy();
    if (listens) return;
    await new Promise((again) => setTimeout(again, AGAIN));
  }
  throw new Error("nginx did not start");
}

/**
 * Starts nginx in front of a server; it ends with the test.
 *
 * @param {import("node:test").TestContext} test
 * @param {import("./server.js").Server} server
 */
export async function nginx(test, server) {
  const directory = await mkdtemp(join(tmpdir(), "nginx-"));
  const at = (/** @type {string} */ name) => join(directory, name);
  const subject = ["-subj", "/CN=chat.example.org", "-days", "1"];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", at("key.pem"), "-out", at("chain.pem")];
  await promisify(execFile)("openssl", ["req", "-x509", ...key, ...subject]);
  const port = await freePort();
  const text = await site([
    ["server 127.0.0.1:8000;", `server 127.0.0.1:${server.port};`],
    ["listen 443 ssl;", `listen 127.0.0.1:${port} ssl;`],
    ["/etc/ssl/chat.example.org.pem", at("chain.pem")],
    ["/etc/ssl/private/chat.example.org.key", at("key.pem")],
    ["/var/log/nginx/chat.log", at("chat.log")],
    ["/var/log/nginx/chat-error.log", at("chat-error.log")],
  ]);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${at(kind)};`);
  const main = `daemon off; pid ${at("pid")}; error_log stderr warn; events {}\nhttp {\n${temporary.join("\n")}\n${text}}\n`;
  await writeFile(at("nginx.conf"), main);
  const child = spawn("nginx", ["-c", at("nginx.conf")], { stdio: ["ignore", "inherit", "inherit"] });
  const ended = once(child, "exit");
  test.after(async () => {
    child.kill("SIGTERM");
    await ended;
    await rm(directory, { recursive: true });
  });
  await listens(port, child);
  return { origin: `https://127.0.0.1:${port}`, log: () => readFile(at("chat.log"), "utf8") };
}
