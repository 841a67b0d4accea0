import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { type Fleet, Lab, tally } from "./lab.ts";
import { fleetOfMachines, machines, subnetOfMachines } from "./machines.ts";

jest.setTimeout(180_000);

let lab: Lab;
let fleet: Fleet;

/** A disk without a seed: its guest knows nothing of itself but what DHCP tells it. */
const DISK =
  "{runtime: libvirt, image: web.qcow2, ports: [{name: http, containerPort: 8080}], resources: {cpu: 1, memory: 128Mi}}";

beforeAll(async () => {
  lab = await Lab.up("resolver-vm");
  fleet = fleetOfMachines(lab);
  fleet.remove("tenants/t1", "provider/t1.yaml", "tenants/t2/batch.yaml");
  fleet.write(
    "tenants/t2/web.yaml",
    subnetOfMachines("web", DISK, { cidr: "10.13.13.0/24", min: 2, max: 2 }),
  );
  await lab.giveImages("hv1", ["web.qcow2"]);
});
afterAll(() => lab.down());

test("virtual machines have their address, their name and the way out by DHCP, at home and on the standby", async () => {
  await lab.converge(fleet);
  const all = await machines(lab);
  expect(all.map(({ replica, hv }) => `${replica}@${hv}`)).toEqual(["web-1@hv1", "web-2@hv2"]);
  for (const { hv, name, mark } of all) {
    const said = await lab.sh(hv, `cat /var/lib/evenkeel/campus/domains/${name}/console.log`);
    expect(said).toContain(`guest: eth0 has ${mark["address"]} by DHCP`);
  }
  // They tell the name that they start with, which was given with the address.
  const answers = await lab.requests("client", "http://198.18.100.10/", 6, 10);
  expect(tally(answers)).toEqual({ "web-1": 3, "web-2": 3 });
  expect(await lab.sh("hv1", "cat /run/evenkeel/campus/t2/hosts")).toContain(
    `${all[1]?.mark["address"]} web-2.web.t2.internal`,
  );
});
