import Docker from "dockerode";
import pLimit, { type LimitFunction } from "p-limit";
import { EvenkeelError } from "../api/errors.ts";
import type { HypervisorName } from "../api/names.ts";
import { within } from "./deadline.ts";
import { message, property } from "./failure.ts";
import type { SocketAgent } from "./socket-agent.ts";

/** Seconds that the engine has for an answer. */
const ANSWER_SECONDS = 10;

/** Calls at once: more than two starts a CPU only make each other slower. */
const CALLS_AT_ONCE = 4;

/** One question to the engine. */
export interface Question<T> {
  /** What it is for, as errors tell it: `list containers`. */
  readonly what: string;
  /** Ends the wait for the answer, or for a place in the queue. */
  readonly signal: AbortSignal;
  readonly ask: (docker: Docker, abortSignal: AbortSignal) => Promise<T>;
  /** For the answer alone, the wait for a place not counted; 10 when left out. */
  readonly seconds?: number;
  /** A queue of its own for what takes long. */
  readonly places?: LimitFunction;
}

/** Puts questions to one hypervisor's engine: bounded in number and time, every failure an EvenkeelError. */
export class DockerCalls {
  readonly #host: HypervisorName;
  readonly #agent: () => Promise<SocketAgent>;
  readonly #fix: string;
  readonly #places = pLimit(CALLS_AT_ONCE);

  /** `agent` brings HTTP to the engine; `fix` is what the reader can do when it does not answer. */
  constructor(host: HypervisorName, agent: () => Promise<SocketAgent>, fix: string) {
    this.#host = host;
    this.#agent = agent;
    this.#fix = fix;
  }

  /** A question that changes nothing: every no is trouble with the engine, EK-DOCKER. */
  async read<T>(question: Question<T>): Promise<T> {
    return await this.#put(question, (said) => this.#trouble(`${question.what}: ${said}`));
  }

  /** A question that changes something: the engine's no is a refused change, EK-CHANGE-FAILED. */
  async change<T>(question: Question<T>): Promise<T> {
    return await this.#put(question, (said) => this.refused(`${question.what}: ${said}`));
  }

  refused(said: string): EvenkeelError {
    return new EvenkeelError("EK-CHANGE-FAILED", `${this.#host}: Docker: ${said}`);
  }

  #trouble(said: string, cause?: unknown): EvenkeelError {
    return new EvenkeelError("EK-DOCKER", `${this.#host}: Docker: ${said}`, { cause, fix: this.#fix });
  }

  async #put<T>(question: Question<T>, answeredNo: (said: string) => EvenkeelError): Promise<T> {
    const { what, signal, seconds = ANSWER_SECONDS, places = this.#places } = question;
    const attempt = (stream: "kept" | "fresh") =>
      within({ seconds, signal }, async (stop) => question.ask(await this.#docker(stream), stop));
    const again = () => attempt("fresh");
    try {
      return await within({ signal }, () => places(() => attempt("kept").catch(ifCut(again))));
    } catch (error) {
      if (error instanceof EvenkeelError) throw error;
      // dockerode's own words, `(HTTP code 404) no such container - `, are wrong as often as not.
      const said = message(error).replace(/^\(HTTP code \d+\) .*? - /, "");
      throw httpStatus(error) === undefined ? this.#trouble(`${what}: ${said}`, error) : answeredNo(said);
    }
  }

  async #docker(stream: "kept" | "fresh"): Promise<Docker> {
    const agent = await this.#agent();
    // Everything is named, because dockerode fills what is left out from this process's DOCKER_… variables.
    const plain = { ca: undefined, cert: undefined, key: undefined, socketPath: undefined };
    const options = { ...plain, protocol: "http" as const, host: "docker", port: 80 };
    return new Docker(Object.assign(options, { agent: stream === "kept" ? agent : agent.fresh() }));
  }
}

/** The HTTP status in an error that dockerode made of an answer. */
const httpStatus = (error: unknown): unknown => property(error, "statusCode");

/** An error handler to which one HTTP status is an answer, and everything else stays an error. */
export const only =
  <T>(expected: number, answer: T) =>
  (error: unknown): T => {
    if (httpStatus(error) === expected) return answer;
    throw error;
  };

/**
 * Tries again when the line was cut: a kept-alive one does not show that dockerd was restarted behind it until it is
 * used. Every question may be put twice: creating is safe by the name, starting by the state.
 */
const ifCut =
  <T>(again: () => Promise<T>) =>
  (error: unknown): Promise<T> => {
    if (property(error, "code") === "ECONNRESET") return again();
    throw error;
  };
