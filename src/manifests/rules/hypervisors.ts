import { addressAt, addressOf, contains, networkOf, size } from "../../api/addresses.ts";
import type { Hypervisor } from "../../api/kinds.gen.ts";
import type { Fault } from "../fault.ts";
import type { Path } from "../path.ts";
import { show } from "../sentences.ts";
import { type Finding, hypervisorRule, type Rule } from "./rule.ts";

const CONNECTION = ["spec", "connection"];

/** Something of which no two hypervisors may have the same. */
const distinct = (
  reads: string,
  what: string,
  of: (hypervisor: Hypervisor) => { readonly path: Path; readonly value: string } | undefined,
): Rule => ({
  reads: { Hypervisor: [reads] },
  check: ({ hypervisors }) => {
    const taken = new Map<string, (typeof hypervisors)[number]>();
    return hypervisors.flatMap((hypervisor): readonly Finding[] => {
      const own = of(hypervisor.object);
      const other = own && taken.get(own.value);
      if (!own) return [];
      if (!other) {
        taken.set(own.value, hypervisor);
        return [];
      }
      const holder = `${other.object.metadata.name} (${other.cite(own.path)})`;
      const message = `must be ${what} of one hypervisor alone, found ${own.value}, as in ${holder}`;
      return [{ code: "EK-DUPLICATE", path: own.path, message, about: hypervisor.key, related: [other.key] }];
    });
  },
});

/** One tree is one fleet. */
const oneFleet: Rule = {
  reads: { Hypervisor: ["spec.fleet"] },
  check: ({ hypervisors: [first, ...others] }) =>
    others.flatMap(({ key, object: { spec } }): readonly Finding[] => {
      if (first === undefined || spec.fleet === first.object.spec.fleet) return [];
      const path = ["spec", "fleet"];
      const rest = `the fleet of all hypervisors (${first.cite(path)}); found ${show(spec.fleet)}`;
      const message = `must be ${first.object.spec.fleet}, ${rest}`;
      return [{ code: "EK-REFERENCE", path, message, about: key, related: [first.key] }];
    }),
};

/** The uplink's own address and its router are two usable addresses of one network. */
const uplink = ({ spec }: Hypervisor): readonly Fault[] => {
  if (!spec.uplink) return [];
  const { address, gateway } = spec.uplink;
  const network = networkOf(address);
  const own = addressOf(address);
  const faults: Fault[] = [];
  if (own === addressAt(network, 0) || own === addressAt(network, size(network) - 1)) {
    const message = `must be an interface's address, found ${show(address)}, which is the network's own or its broadcast`;
    faults.push({ code: "EK-ADDRESS", path: ["spec", "uplink", "address"], message });
  }
  if (!contains(network, gateway) || gateway === own) {
    const message = `must be another address of ${network}, found ${show(gateway)}`;
    faults.push({ code: "EK-ADDRESS", path: ["spec", "uplink", "gateway"], message });
  }
  return faults;
};

/** Hypervisors: how they are reached, and that no two are the same. */
export const HYPERVISOR_RULES: readonly Rule[] = [
  hypervisorRule(["spec.connection"], ({ spec: { connection } }) =>
    (connection.ssh === undefined) === (connection.local === undefined)
      ? [
          {
            code: "EK-FIELD-INVALID",
            path: CONNECTION,
            message: `must have ssh or local, found ${connection.ssh ? "both" : "neither"}`,
          },
        ]
      : [],
  ),
  oneFleet,
  hypervisorRule(["spec.uplink"], uplink),
  distinct("spec.connection", "the connection", ({ spec: { connection } }) => {
    const { ssh } = connection;
    if (!ssh) return connection.local ? { path: [...CONNECTION, "local"], value: "local" } : undefined;
    return { path: [...CONNECTION, "ssh", "address"], value: `${ssh.address.toLowerCase()}:${ssh.port}` };
  }),
  distinct("spec.underlay", "the underlay address", ({ spec }) => ({
    path: ["spec", "underlay", "address"],
    value: spec.underlay.address,
  })),
  distinct("spec.uplink", "the uplink address", ({ spec }) =>
    spec.uplink ? { path: ["spec", "uplink", "address"], value: addressOf(spec.uplink.address) } : undefined,
  ),
];
