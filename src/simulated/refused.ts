/** A tool's no: what it prints, in the kernel's words. */
export class Refused extends Error {}

export const EXISTS = "RTNETLINK answers: File exists";
export const NO_SUCH_FILE = "RTNETLINK answers: No such file or directory";
export const NOT_SUPPORTED = "RTNETLINK answers: Operation not supported";
export const UNREACHABLE = "RTNETLINK answers: Network is unreachable";
export const INVALID = "RTNETLINK answers: Invalid argument";
