import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createMessageConnection, StreamMessageReader, StreamMessageWriter } from "vscode-jsonrpc/node.js";

/** One thing that the server has against a file; lines and columns count from 0. */
export interface Diagnostic {
  readonly message: string;
  readonly range: { readonly start: { readonly line: number; readonly character: number } };
}

/** A real yaml-language-server on a workspace, spoken to as an editor does: with the workspace's own settings. */
export class LanguageServer {
  readonly #folder: string;
  readonly #child;
  readonly #connection;
  /** Who waits for what is said of a file. */
  readonly #waiting = new Map<string, (diagnostics: readonly Diagnostic[]) => void>();

  /** No two texts of one file may have the same: the server remembers what it read. */
  #version = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#child = spawn(join("node_modules", ".bin", "yaml-language-server"), ["--stdio"], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#connection = createMessageConnection(
      new StreamMessageReader(this.#child.stdout),
      new StreamMessageWriter(this.#child.stdin),
    );
  }

  static async start(folder: string): Promise<LanguageServer> {
    const server = new LanguageServer(folder);
    await server.#begin();
    return server;
  }

  /** Opens a file as if this were in it; resolves to what is said of it. */
  async open(file: string, text: string): Promise<readonly Diagnostic[]> {
    const uri = this.#uri(file);
    const textDocument = { uri, languageId: "yaml", version: (this.#version += 1), text };
    const diagnostics = await this.#told(uri, "textDocument/didOpen", { textDocument });
    await this.#close(uri);
    return diagnostics;
  }

  /** What may be written at a place of a text, as it is offered. */
  async complete(file: string, text: string, line: number, character: number): Promise<readonly string[]> {
    const uri = this.#uri(file);
    const textDocument = { uri, languageId: "yaml", version: (this.#version += 1), text };
    await this.#told(uri, "textDocument/didOpen", { textDocument });
    const found: { readonly items: readonly { readonly label: string }[] } =
      await this.#connection.sendRequest("textDocument/completion", {
        textDocument: { uri },
        position: { line, character },
      });
    await this.#close(uri);
    return found.items.map(({ label }) => label);
  }

  async stop(): Promise<void> {
    await this.#connection.sendRequest("shutdown");
    this.#connection.dispose();
    this.#child.kill();
  }

  /** Tells the server something; resolves to what it says of a file after that. */
  async #told(uri: string, what: string, parameters: object): Promise<readonly Diagnostic[]> {
    const told = new Promise<readonly Diagnostic[]>((resolve) => this.#waiting.set(uri, resolve));
    await this.#connection.sendNotification(what, parameters);
    return await told;
  }

  /** Of what is closed the server takes back what it said. */
  async #close(uri: string): Promise<void> {
    await this.#told(uri, "textDocument/didClose", { textDocument: { uri } });
  }

  #uri(file: string): string {
    return pathToFileURL(join(this.#folder, file)).href;
  }

  async #begin(): Promise<void> {
    const settings = this.#settings();
    const connection = this.#connection;
    connection.onRequest("workspace/configuration", ({ items }: { items: readonly { section: string }[] }) =>
      items.map(({ section }) => (section === "yaml" ? settings : {})),
    );
    connection.onRequest("client/registerCapability", () => null);
    connection.onNotification(
      "textDocument/publishDiagnostics",
      ({ uri, diagnostics }: { uri: string; diagnostics: readonly Diagnostic[] }) => {
        this.#waiting.get(uri)?.(diagnostics);
        this.#waiting.delete(uri);
      },
    );
    connection.listen();
    const uri = pathToFileURL(this.#folder).href;
    await connection.sendRequest("initialize", {
      processId: process.pid,
      rootUri: uri,
      workspaceFolders: [{ uri, name: "manifests" }],
      capabilities: {
        workspace: { configuration: true, workspaceFolders: true },
        textDocument: { completion: { completionItem: { snippetSupport: true } } },
      },
    });
    await connection.sendNotification("initialized", {});
    await connection.sendNotification("workspace/didChangeConfiguration", { settings: { yaml: settings } });
  }

  /** The workspace's own, as an editor reads them; the public store of schemas is on the network, and is left out. */
  #settings(): object {
    const written = JSON.parse(
      readFileSync(join(this.#folder, ".vscode", "settings.json"), "utf8"),
    ) as Readonly<Record<string, unknown>>;
    const own = Object.entries(written).map(([name, value]) => [name.replace(/^yaml\./, ""), value] as const);
    return { validate: true, completion: true, schemaStore: { enable: false }, ...Object.fromEntries(own) };
  }
}
