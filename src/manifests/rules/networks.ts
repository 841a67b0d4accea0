import { addressAt, type Cidr, contains, indexOf, overlaps, parseCidr, size } from "../../api/addresses.ts";
import type { Subnet } from "../../api/kinds.gen.ts";
import { gatewayAddress } from "../../api/subnets.ts";
import type { Fault } from "../fault.ts";
import type { Path } from "../path.ts";
import { show } from "../sentences.ts";
import { type Finding, type Rule, subnetRule, tenantRule } from "./rule.ts";
import { isCanonical, PRIVATE, RESERVED } from "./taken.ts";

const CIDR = ["spec", "cidr"];
const MANAGEMENT = ["spec", "managementNetwork", "cidr"];

/** What is wrong with a network whose host bits are not zero; comparing it would mean nothing. */
const canonical = (cidr: Cidr, path: Path): readonly Fault[] => {
  if (parseCidr(cidr) !== undefined) return [];
  const message = `must be the network itself, ${parseCidr(cidr, "allowed") ?? "host bits zero"}; found ${show(cidr)}`;
  return [{ code: "EK-FIELD-INVALID", path, message }];
};

/** Addresses that replicas may have: without network, broadcast and gateway. */
const usable = (cidr: Cidr): number => size(cidr) - 3;

/** Both networks that a replica is on have an address for each, the gateway's own apart. */
const room: Rule = {
  reads: { Subnet: ["spec.cidr", "spec.replicas", "spec.update"], Tenant: ["spec.managementNetwork"] },
  check: (view) =>
    view.subnets.flatMap(({ key, object: { spec, metadata } }) => {
      const tenant = view.tenant(metadata.namespace);
      const managed = tenant?.object.spec.managementNetwork.cidr;
      const networks = [
        { cidr: spec.cidr, taken: 0, what: `the room in ${spec.cidr}` },
        ...(tenant && managed
          ? [
              {
                cidr: managed,
                // The bastion's place is kept free whether or not there is one.
                taken: 1,
                what: `the room in the management network ${managed} (${tenant.cite(MANAGEMENT)})`,
              },
            ]
          : []),
      ];
      return networks.flatMap(({ cidr, taken, what }): readonly Finding[] => {
        const most = usable(cidr) - taken - spec.update.maxSurge;
        if (spec.replicas.max <= most) return [];
        const surge = spec.update.maxSurge > 0 ? ` less maxSurge, which is ${spec.update.maxSurge}` : "";
        const message = `must be at most ${Math.max(most, 0)}, ${what}${surge}; found ${spec.replicas.max}`;
        return [
          {
            code: "EK-ADDRESS",
            path: ["spec", "replicas", "max"],
            message,
            about: key,
            related: tenant ? [tenant.key] : [],
          },
        ];
      });
    }),
};

const gateway = ({ spec }: Subnet): readonly Fault[] => {
  if (!isCanonical(spec.cidr)) return [];
  const address = gatewayAddress(spec);
  const index = indexOf(spec.cidr, address);
  if (contains(spec.cidr, address) && index > 0 && index < size(spec.cidr) - 1) return [];
  const range = `${addressAt(spec.cidr, 1)} to ${addressAt(spec.cidr, size(spec.cidr) - 2)}`;
  const message = `must be a usable address of ${spec.cidr}, ${range}; found ${show(address)}`;
  return [{ code: "EK-ADDRESS", path: ["spec", "gatewayAddress"], message }];
};

/** Networks: their form and their size. */
export const NETWORK_RULES: readonly Rule[] = [
  subnetRule(["spec.cidr"], ({ spec }) => canonical(spec.cidr, CIDR)),
  tenantRule(["spec.managementNetwork"], ({ spec }) => canonical(spec.managementNetwork.cidr, MANAGEMENT)),
  tenantRule(["spec.serviceAddresses"], ({ spec }) =>
    spec.serviceAddresses.flatMap((cidr, index) => canonical(cidr, ["spec", "serviceAddresses", index])),
  ),
  subnetRule(["spec.cidr", "spec.gatewayAddress"], gateway),
  subnetRule(["spec.cidr"], ({ spec: { cidr } }) =>
    !isCanonical(cidr) || [...PRIVATE, ...RESERVED].some(({ network }) => overlaps(network, cidr))
      ? []
      : [
          {
            severity: "warning",
            code: "EK-ADDRESS",
            path: CIDR,
            message: `should be a private network, found ${show(cidr)}: what is there on the Internet will be out of reach`,
          },
        ],
  ),
  room,
];
