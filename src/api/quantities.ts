import { EvenkeelError } from "./errors.ts";

/** An amount as manifests write it: a plain number, or text with a unit such as `500m` or `128Mi`. */
export type Quantity = number | string;

const CPU = /^(?:(\d+)m|(\d+(?:\.\d{1,3})?))$/;
const MEMORY = /^(\d+(?:\.\d+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$/;
const FACTOR: Readonly<Record<string, number>> = {
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

const refuse = (what: string, quantity: Quantity): never => {
  throw new EvenkeelError("EK-FIELD-INVALID", `must be ${what}, found ${JSON.stringify(quantity)}`);
};

/**
 * Billionths of a CPU: `500m` and `0.5` are 500 000 000.
 * Throws EK-FIELD-INVALID on anything else; manifests that were loaded hold none.
 */
export function parseCpu(quantity: Quantity): number {
  const [, thousandths, whole] =
    CPU.exec(String(quantity)) ?? refuse("a number of CPUs such as 2 or 500m", quantity);
  return Math.round(thousandths === undefined ? Number(whole) * 1e9 : Number(thousandths) * 1e6);
}

/**
 * Bytes, rounded down: `128Mi` is 134 217 728, `1k` is 1000.
 * Throws EK-FIELD-INVALID on anything else; manifests that were loaded hold none.
 */
export function parseMemory(quantity: Quantity): number {
  const [, amount, unit = ""] =
    MEMORY.exec(String(quantity)) ?? refuse("an amount of memory such as 128Mi or 1Gi", quantity);
  return Math.floor(Number(amount) * (FACTOR[unit] ?? 1));
}
