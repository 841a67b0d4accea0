import { type Ipv4, parseIpv4 } from "../../api/addresses.ts";
import type { TableFact } from "../../facts/facts.ts";
import type { ContainerMade } from "../../facts/container-made.ts";

/** A tenant's bastion, by its container and by the rule that leads to it. */
export interface ShownBastion {
  readonly address: Ipv4;
  readonly port: number;
  readonly image: string;
  readonly authorizedKeys: readonly string[];
}

/** What a manifest would say of a bastion; undefined where no rule leads to it from outside. */
export function shownBastion(container: ContainerMade, { rules }: TableFact): ShownBastion | undefined {
  const rule = rules.find(
    (one) => one.startsWith("-A PREROUTING ") && / -j DNAT --to-destination /.test(one),
  );
  const address = parseIpv4(/ -d ([\d.]+)/.exec(rule ?? "")?.[1] ?? "");
  if (rule === undefined || address === undefined) return undefined;
  const keys = container.env.find((line) => line.startsWith(KEYS))?.slice(KEYS.length) ?? "";
  const port = Number(/ --dport (\d+)/.exec(rule)?.[1]);
  return { address, port, image: container.image, authorizedKeys: keys.split("\n") };
}

const KEYS = "AUTHORIZED_KEYS=";
