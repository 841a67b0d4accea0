import type { DomainRequest } from "../resources/operation.ts";
import { CpuCounter } from "./cpu.ts";
import { ENDING, killWorkload } from "./docker.ts";
import { addAddress, addLinks, raise } from "./links.ts";
import { loopback, type Machine, newLink } from "./machine.ts";
import { type Domain, emptySpace } from "./parts.ts";
import { Refused } from "./refused.ts";

/** What libvirt does: of a guest, nothing but its network. */

const SILENT = "failed to connect to the hypervisor";

/**
 * Defines and starts frozen, or only starts what an earlier call has defined.
 * @throws Refused where the name is somebody else's, or the image is not there
 */
export function startDomain(machine: Machine, request: DomainRequest): void {
  const { name, uuid, image, kernel } = request;
  if (!machine.libvirt) throw new Refused(SILENT);
  const holder = [...machine.domains.values()].find((one) => one.request.name === name);
  if (holder && holder.id !== uuid)
    throw new Refused(`domain '${name}' already exists with uuid ${holder.id}`);
  for (const file of [image, kernel?.image, kernel?.initrd])
    if (file !== undefined && !machine.files.has(file))
      throw new Refused(`Could not open '${file}': No such file or directory`);
  const domain = holder ?? define(machine, request);
  if (domain.state === "exited") boot(machine, domain);
}

function define(machine: Machine, request: DomainRequest): Domain {
  const domain: Domain = {
    id: request.uuid,
    request,
    state: "exited",
    space: undefined,
    endsAt: undefined,
    cpu: new CpuCounter(machine.now),
    waits: new CpuCounter(machine.now),
  };
  machine.domains.set(domain.id, domain);
  return domain;
}

/** Its taps come into the hypervisor's own namespace; the guest has what it is told of its addresses. */
function boot(machine: Machine, domain: Domain): void {
  const space = emptySpace();
  loopback(machine, space);
  for (const [index, { tap, mac, mtu, address, gateway }] of domain.request.interfaces.entries()) {
    const own = newLink(machine, space, { name: `eth${index}`, type: "", mac, mtu });
    const outside = newLink(machine, machine.own, { name: tap, type: "tun", mtu, up: true, peer: own });
    own.peer = outside;
    addLinks(machine, own, outside);
    raise(own);
    addAddress(own, address);
    if (gateway !== undefined)
      space.routes.push({ destination: "default", gateway, device: own.name, source: undefined });
  }
  domain.space = space;
  domain.state = "paused";
  domain.cpu = new CpuCounter(machine.now);
  domain.waits = new CpuCounter(machine.now);
}

/**
 * Does what a line `VERB UUID NAME` says.
 * @throws Refused where libvirt would
 */
export function domainLine(machine: Machine, line: string): void {
  const [verb = "", uuid = ""] = line.split(" ");
  if (!machine.libvirt) throw new Refused(SILENT);
  const domain = machine.domains.get(uuid);
  const isAlive = domain !== undefined && domain.state !== "exited";
  switch (verb) {
    case "resume":
      if (!isAlive) throw new Refused("Requested operation is not valid: domain is not running");
      domain.state = "running";
      return;
    case "shutdown":
      if (isAlive) domain.endsAt ??= machine.now + ENDING;
      return;
    case "stop":
      if (isAlive) killWorkload(machine, domain);
      return;
    case "remove":
      if (isAlive) killWorkload(machine, domain);
      machine.domains.delete(uuid);
      return;
    default:
      throw new RangeError(`domain: ${line}`);
  }
}
