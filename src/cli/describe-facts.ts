import type { Autoscale } from "../api/kinds.gen.ts";
import { isInPercent } from "../autoscale/policy.ts";
import type { FleetObject } from "../status/objects.ts";
import { plural } from "./words.ts";

/** What an object's document says, and what is known of it, by label; undefined where there is nothing to say. */
export type Facts = readonly (readonly [label: string, value: string | undefined])[];

/** What people want to know of an object of each kind. */
export function factsOf(object: FleetObject): Facts {
  switch (object.kind) {
    case "Hypervisor": {
      const { underlay, uplink, capacity, load, price, unschedulable } = object.spec;
      return [
        ["Underlay:", `${underlay.address} on ${underlay.device}, MTU ${underlay.mtu}`],
        ["Uplink:", uplink && [uplink.device, uplink.address].filter((one) => one !== undefined).join(" ")],
        ["Places:", `${object.status.replicas ?? "?"} of ${capacity.replicas} taken`],
        [
          "Capacity:",
          [capacity.cpu && `${capacity.cpu} CPU`, capacity.memory].filter(Boolean).join(", ") || undefined,
        ],
        ["Load:", `takes scaled replicas below ${load.max} %, and is preferred below ${load.min} %`],
        ["Price:", `${price.perReplicaHour} ${price.currency} a replica-hour`],
        [
          "Cordoned:",
          unschedulable
            ? `takes no new replicas: reconcile uncordon hypervisor/${object.metadata.name}`
            : undefined,
        ],
      ];
    }
    case "Tenant": {
      const { primary, standby, serviceAddresses, egress, quota } = object.spec;
      return [
        ["Home:", primary],
        ["Standby:", standby.map(({ name }) => name).join(", ") || undefined],
        ["Addresses:", serviceAddresses.join(", ")],
        ["Egress:", egress],
        ["Quota:", `${plural(quota.subnets, "subnet")}, ${plural(quota.replicas, "replica")}`],
      ];
    }
    case "Subnet": {
      const { cidr, service, replicas, autoscale } = object.spec;
      const { readyReplicas, desiredReplicas, load } = object.status;
      const ports = service?.ports.map(({ port, protocol }) => `${port}/${protocol}`).join(", ");
      return [
        ["Network:", cidr],
        ["Service:", service && `${service.address}, ${ports}`],
        [
          "Replicas:",
          `${readyReplicas} ready of ${desiredReplicas}, between ${replicas.min} and ${replicas.max}`,
        ],
        ["Load:", autoscale && (load?.cpu === undefined ? "not known" : `cpu ${load.cpu} %`)],
        ["Thresholds:", autoscale && thresholds(autoscale)],
        ["Paused:", autoscale?.pause && pause(autoscale.pause)],
      ];
    }
    case "Replica": {
      const { spec, status } = object;
      return [
        ["Subnet:", spec.subnet],
        ["Hypervisor:", spec.hypervisor],
        ["Phase:", status.phase],
        ["Address:", status.address],
        ["Management:", status.managementAddress],
        ["Container:", status.container],
      ];
    }
  }
}

const thresholds = (autoscale: Autoscale): string =>
  [
    ...Object.entries(autoscale.thresholds).map(([metric, { min, max }]) =>
      isInPercent(metric) ? `${metric} ${min} % to ${max} %` : `${metric} ${min} to ${max}`,
    ),
    `mode ${autoscale.mode}`,
  ].join(", ");

const pause = ({ reason, until }: NonNullable<Autoscale["pause"]>): string =>
  until === undefined ? reason : `${reason}, until ${until}`;
