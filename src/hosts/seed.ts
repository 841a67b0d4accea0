import type { DomainInterface, DomainRequest } from "../resources/operation.ts";

/**
 * The files of a NoCloud disk by name, as cloud-init reads them (its network-config in version 2). All but the user data
 * is made of names and addresses of ours.
 */
export const seedFiles = ({
  name,
  hostname,
  interfaces,
  userData = "",
}: DomainRequest): Readonly<Record<string, string>> => ({
  "user-data": userData,
  "meta-data": `instance-id: ${name}\nlocal-hostname: ${hostname}\n`,
  "network-config": `version: 2\nethernets:\n${interfaces.map(ethernet).join("")}`,
});

const ethernet = ({ mac, mtu, address, gateway }: DomainInterface, index: number): string => `  eth${index}:
    match: {macaddress: "${mac}"}
    set-name: eth${index}
    mtu: ${mtu}
    addresses: [${address}]
${gateway === undefined ? "" : `    routes: [{to: default, via: ${gateway}}]\n`}`;
