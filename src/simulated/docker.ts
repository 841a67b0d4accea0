import type { HypervisorName } from "../api/names.ts";
import { EvenkeelError } from "../api/errors.ts";
import { BASTION_KEY } from "../facts/script.ts";
import { carries } from "../hosts/docker-request.ts";
import type { ContainerMade } from "../facts/container-made.ts";
import type { StartedContainer } from "../hosts/engine.ts";
import type { ContainerRequest } from "../resources/operation.ts";
import { CpuCounter } from "./cpu.ts";
import { removeSpace } from "./links.ts";
import { loopback, type Machine } from "./machine.ts";
import { type Container, emptySpace, type Workload } from "./parts.ts";

/** What Docker does, without the way to it. */

const refused = (hypervisor: HypervisorName, said: string): EvenkeelError =>
  new EvenkeelError("EK-CHANGE-FAILED", `${hypervisor}: Docker: ${said}`);

/**
 * Creates and starts, or only starts what an earlier call has created.
 * @throws EvenkeelError EK-CHANGE-FAILED where the name is somebody else's, or the image is not there
 */
export function startContainer(machine: Machine, request: ContainerRequest): StartedContainer {
  const known = [...machine.containers.values()].find((one) => one.request.name === request.name);
  if (known && !carries(known.request.labels, request.labels))
    throw refused(machine.name, `the name ${request.name} is taken by a container that is not ours`);
  if (known?.state === "paused")
    throw refused(machine.name, "cannot start a paused container, try unpause instead.");
  const container = known ?? createContainer(machine, request);
  if (container.state !== "running") run(machine, container);
  return { id: container.id, sandbox: container.sandbox };
}

/** What a container was made from; images here say nothing by themselves. */
export function describeContainer(machine: Machine, id: string): ContainerMade | undefined {
  const request = machine.containers.get(id)?.request;
  return (
    request && {
      image: request.image,
      command: request.command ?? [],
      env: request.env.map(({ name, value }) => `${name}=${value}`),
      nanoCpus: request.nanoCpus,
      memory: request.memory,
      ofImage: { command: [], env: [] },
    }
  );
}

function createContainer(machine: Machine, request: ContainerRequest): Container {
  if (!machine.images.has(request.image)) throw refused(machine.name, `No such image: ${request.image}`);
  const id = `${machine.nextIndex().toString(16).padStart(12, "0")}${request.name}`;
  const container: Container = {
    id,
    request,
    state: "exited",
    pid: 0,
    sandbox: `/var/run/docker/netns/${id.slice(0, 12)}`,
    space: undefined,
    endsAt: undefined,
    cpu: new CpuCounter(machine.now),
  };
  machine.containers.set(id, container);
  return container;
}

function run(machine: Machine, container: Container): void {
  const space = emptySpace();
  loopback(machine, space);
  container.space = space;
  container.state = "running";
  container.pid = machine.nextIndex();
  container.cpu = new CpuCounter(machine.now);
  container.endsAt = undefined;
  const { hostKeyIn } = container.request;
  const key = hostKeyIn && `${hostKeyIn}/${BASTION_KEY}`;
  if (key && !machine.files.has(key)) machine.files.set(key, `made by ${container.id} on ${machine.name}`);
}

/** Milliseconds that a workload takes to end once it has been told to. */
export const ENDING = 200;

/** Tells a workload to end, which it does after a while; Docker resumes one that is paused, so that it hears it. */
export function endContainer(machine: Machine, id: string): void {
  const container = machine.containers.get(id);
  if (!container || container.state === "exited") return;
  container.state = "running";
  container.endsAt ??= machine.now + ENDING;
}

/** Takes the processes of a workload away, and with them its network and the other ends of its links. */
export function killWorkload(machine: Machine, workload: Workload): void {
  if (workload.space) removeSpace(machine, workload.space);
  workload.space = undefined;
  workload.state = "exited";
  workload.endsAt = undefined;
}

export function removeContainer(machine: Machine, id: string): void {
  const container = machine.containers.get(id);
  if (!container) return;
  killWorkload(machine, container);
  machine.containers.delete(id);
}

/** Lets happen what time brings: workloads that were told to end do so. */
export function settle(machine: Machine): void {
  for (const workload of machine.workloads())
    if (workload.endsAt !== undefined && workload.endsAt <= machine.now) killWorkload(machine, workload);
}
