// The real server as a process, with a directory of its own.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createHmac } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const PROGRAM =
  process.env.CHAT_SERVER ?? fileURLToPath(new URL("../../../../target/debug/chat-server", import.meta.url));

/** The environment without settings of the server. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CHAT_")));

export class Server {
  port = 0;
  /** The printed address of the console, with the key of the trial. */
  console = "";
  /** @type {import("node:child_process").ChildProcess | null} */
  #process = null;

  /** @param {string} directory */
  constructor(directory) {
    this.directory = directory;
  }

  /** Starts a new server, which ends with the test. @param {import("node:test").TestContext} test */
  static async start(test) {
    const server = new Server(await mkdtemp(join(tmpdir(), "console-")));
    test.after(async () => {
      await server.kill();
      await rm(server.directory, { recursive: true });
    });
    await server.start();
    return server;
  }

  /** Starts the server on its last port. @param {string[]} more further flags */
  async start(...more) {
    const listen = `127.0.0.1:${this.port}`;
    const flags = ["serve", "--listen", listen, "--data-dir", join(this.directory, "data"), "--messages-per-second", "0", ...more];
    const child = spawn(PROGRAM, [...flags, "--log", "warn"], { env: environment, stdio: ["ignore", "pipe", "inherit"] });
    this.#process = child;
    for await (const line of createInterface({ input: /** @type {import("node:stream").Readable} */ (child.stdout) })) {
      const [, port] = /^listening on ws:\/\/127\.0\.0\.1:(\d+)\//.exec(line) ?? [];
      if (port) this.port = Number(port);
      [, this.console = ""] = /^console on (\S+)$/.exec(line) ?? [];
      if (this.console) return;
    }
    throw new Error("the server did not start");
  }

  /** Kills the server, as a power failure would, but leaves the disk whole. */
  async kill() {
    const child = this.#process;
    this.#process = null;
    if (!child) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** The address of the console, without the trial. */
  get origin() {
    return `http://127.0.0.1:${this.port}`;
  }

  /**
   * Issues a token for a user.
   *
   * @param {string} id
   * @param {"BUS_DRIVER" | "QUEUE_REGULATOR" | "CONTROL_STAFF" | "CONTROL_ADMIN"} role
   * @param {string} [firstName]
   * @param {string} [lastName]
   * @param {string} [lifetime]
   */
  async token(id, role, firstName = "", lastName = "", lifetime = "1h") {
    const user = ["--user", id, "--role", role, "--first-name", firstName, "--last-name", lastName];
    const flags = ["token", ...user, "--expires-in", lifetime, "--data-dir", join(this.directory, "data")];
    const { stdout } = await promisify(execFile)(PROGRAM, flags, { env: environment });
    return stdout.trim();
  }

  /** A token of a bus driver that expired yesterday. @param {string} id */
  expired(id) {
    return this.signed({ sub: id, role: "BUS_DRIVER", exp: seconds() - 24 * 60 * 60 });
  }

  /** A token with these claims. @param {object} claims */
  async signed(claims) {
    const secret = await readFile(join(this.directory, "data", "jwt-secret"));
    const encode = (/** @type {object} */ part) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const signed = `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}`;
    return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
  }
}

/** The current time in seconds since 1970, as in tokens. */
export const seconds = () => Math.floor(Date.now() / 1_000);
