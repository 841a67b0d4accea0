/** Every error code of evenkeel, with what it means. Codes are an interface: they are never renamed. */
const ERROR_CODES = {
  "EK-USAGE": "the command line asks for something that does not exist or does not fit together",
  "EK-MANIFESTS": "the manifest tree cannot be read, or holds nothing to work with",
  "EK-UNSETTLED": "git is at work in the manifest tree, or it changes while it is read",
  "EK-YAML": "a manifest is not well-formed YAML",
  "EK-LIMIT": "a manifest is larger, deeper or more entangled than evenkeel reads",
  "EK-KIND-UNKNOWN": "apiVersion and kind name no kind of evenkeel",
  "EK-FIELD-UNKNOWN": "a field that the kind does not have",
  "EK-FIELD-MISSING": "a required field is not there",
  "EK-FIELD-INVALID": "a field's value is of the wrong type or out of its range",
  "EK-LIBVIRT": "libvirt does not answer",
  "EK-NOT-YET": "a field or value that this release does not act on",
  "EK-PLACE": "a document stands in a file or folder where its kind does not belong",
  "EK-DUPLICATE": "two documents declare the same object, address or port",
  "EK-REFERENCE": "a document names an object that does not exist",
  "EK-OVERLAP": "two networks that must be apart share an address",
  "EK-ADDRESS": "an address lies outside the range that it must be in",
  "EK-QUOTA": "more than the tenant's quota allows",
  "EK-FLAPPING": "a pair of thresholds between which a subnet would be scaled out and in by turns",
  "EK-PLACEHOLDER": "a value of the first tree that its reader has not filled in yet",
  "EK-IMPORT": "something of the predecessor's file that cannot be taken over as it is, or is guessed",
  "EK-EDIT": "a manifest cannot be written or changed in place, or has changed meanwhile",
  "EK-COMMIT": "a manifest cannot be committed to git, or not by itself",
  "EK-SECRET": "a private key lies in the manifest tree, or a key file can be read by others",
  "EK-LISTEN": "the daemon cannot listen on the address that it was given",
  "EK-STATE-HELD": "another process holds the state directory",
  "EK-STATE-TORN": "a file of the state directory cannot be read as what it should be",
  "EK-STATE-WRITE": "the state directory cannot be written",
  "EK-HOST-UNREACHABLE": "a hypervisor does not answer",
  "EK-HOST-KEY": "a hypervisor showed another host key than its manifest gives",
  "EK-HOST-UNFIT": "a hypervisor lacks something that evenkeel needs there",
  "EK-HOST-HELD": "another controller holds the hypervisor",
  "EK-DOCKER": "a hypervisor's Docker Engine does not answer, or refuses a question",
  "EK-LOOK-INCOMPLETE": "a look at a hypervisor was cut off or failed in part",
  "EK-CHANGE-FAILED": "a hypervisor refused a change",
  "EK-NOT-FOUND": "no object of that name is known",
  "EK-PLAN-UNKNOWN": "no pending plan has this id",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** An error with a stable code, a sentence that says what and where, and what to do about it. */
export class EvenkeelError extends Error {
  override readonly name = "EvenkeelError";
  readonly code: ErrorCode;
  /** What the reader can do about it; one sentence, may be a command. */
  readonly fix: string | undefined;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; fix?: string } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.fix = options.fix;
  }
}

/** Whatever was thrown, as an Error: JavaScript lets anything be thrown. */
export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));

/** The system's name for an error, `ENOENT`; any other error as text. */
export const codeOf = (error: unknown): string =>
  typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error);
