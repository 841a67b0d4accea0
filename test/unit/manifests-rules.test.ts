import { describe, expect, test } from "@jest/globals";
import { load } from "../../src/manifests/load.ts";
import { ManifestsError, type Problem } from "../../src/manifests/revision.ts";
import { edited, second, short, VALID, write } from "./manifests-tree.ts";

type Files = Readonly<Record<string, string>>;

/** What is wrong with a tree. */
const problemsOf = async (files: Files): Promise<readonly Problem[]> => {
  try {
    return (await load(write(files))).problems;
  } catch (error) {
    if (error instanceof ManifestsError) return error.problems;
    throw error;
  }
};

const HV1 = "provider/hv1.yaml";
const HV2 = "provider/hv2.yaml";
const T1 = "provider/t1.yaml";
const T2 = "provider/t2.yaml";
const WEB = "tenants/t1/web.yaml";
const ZOO = "tenants/t1/zoo.yaml";

/** In one file of the valid tree: what is replaced, by what it is refused and where, and by what it is accepted. */
// biome-ignore format: one case a line
const FIELDS: readonly (readonly [
  rule: string,
  file: string,
  from: string,
  bad: string,
  problem: string,
  message: string,
  good: string,
])[] = [
  ["unknown field", WEB, "  workload:", "  workloat: {}\n  workload:", `${WEB}:7:3: spec.workloat EK-FIELD-UNKNOWN`, "unknown field", "  workload:"],
  ["unknown field deep inside", WEB, "containerPort: 8080", "containerPort: 8080, protocl: TCP", `${WEB}:9:47: spec.workload.ports[0].protocl EK-FIELD-UNKNOWN`, "unknown field", "containerPort: 8080, protocol: TCP"],
  ["required field", WEB, "{min: 2, max: 6}", "{min: 2}", `${WEB}:6:3: spec.replicas.max EK-FIELD-MISSING`, "must be given", "{min: 2, max: 2}"],
  ["whole number", WEB, "max: 6", 'max: "6"', `${WEB}:6:27: spec.replicas.max EK-FIELD-INVALID`, 'must be a whole number, found "6"', "max: 6"],
  ["number that is none", WEB, "max: 6", "max: .nan", `${WEB}:6:27: spec.replicas.max EK-FIELD-INVALID`, "must be a whole number, found NaN", "max: 0x6"],
  ["upper bound", WEB, "max: 6", "max: 400", `${WEB}:6:27: spec.replicas.max EK-FIELD-INVALID`, "must be at most 250, found 400", "max: 10"],
  ["lower bound", WEB, "min: 2", "min: -1", `${WEB}:6:19: spec.replicas.min EK-FIELD-INVALID`, "must be at least 0, found -1", "min: 0"],
  ["choice", WEB, "containerPort: 8080", "containerPort: 8080, protocol: tcp", `${WEB}:9:57: spec.workload.ports[0].protocol EK-FIELD-INVALID`, 'must be one of TCP, UDP; found "tcp"', "containerPort: 8080, protocol: TCP"],
  ["pattern", WEB, "10.13.13.0/24", "010.13.13.0/24", `${WEB}:5:9: spec.cidr EK-FIELD-INVALID`, "must be an IPv4 network of /16 to /29 such as 10.13.13.0/24", "10.13.13.0/24"],
  ["absurd prefix", WEB, "10.13.13.0/24", "10.0.0.0/8", `${WEB}:5:9: spec.cidr EK-FIELD-INVALID`, "of /16 to /29", "10.13.0.0/16"],
  ["host bits", WEB, "10.13.13.0/24", "10.13.13.5/24", `${WEB}:5:9: spec.cidr EK-FIELD-INVALID`, 'must be the network itself, 10.13.13.0/24; found "10.13.13.5/24"', "10.13.13.0/25"],
  ["metadata.name", WEB, "name: web", "name: Web", `${WEB}:3:18: metadata.name EK-FIELD-INVALID`, "must be a DNS label of at most 32 characters", "name: w3b"],
  ["metadata.name, length", WEB, "name: web", `name: ${"w".repeat(33)}`, `${WEB}:3:18: metadata.name EK-FIELD-INVALID`, "must have at most 32 characters, found 33", `name: ${"w".repeat(32)}`],
  ["kind", WEB, "kind: Subnet", "kind: Subnett", `${WEB}:2:7: kind EK-KIND-UNKNOWN`, 'must be one of Hypervisor, Tenant, Subnet; found "Subnett"', "kind: Subnet"],
  ["apiVersion", WEB, "v1alpha1", "v1", `${WEB}:1:13: apiVersion EK-KIND-UNKNOWN`, "must be evenkeel.dev/v1alpha1", "v1alpha1"],
  ["namespace of another tenant", WEB, "name: web", "name: web, namespace: t2", `${WEB}:3:34: metadata.namespace EK-PLACE`, 'must be t1, the folder\'s name; found "t2"', "name: web, namespace: t1"],
  ["namespace of a cluster's object", T1, "name: t1", "name: t1, namespace: t1", `${T1}:3:22: metadata.namespace EK-FIELD-UNKNOWN`, "unknown field", "name: t1, labels: {a: b}"],
  ["annotation", WEB, "name: web", 'name: web, annotations: {evenkeel.dev/foo: "x"}', `${WEB}:3:37: metadata.annotations["evenkeel.dev/foo"] EK-FIELD-UNKNOWN`, "unknown annotation", 'name: web, annotations: {example.org/foo: "x"}'],
  ["annotation to come", WEB, "name: web", 'name: web, annotations: {evenkeel.dev/prune: "x"}', `${WEB}:3:37: metadata.annotations["evenkeel.dev/prune"] EK-NOT-YET`, "not acted on by this release", "name: web"],
  ["status", WEB, "spec:", "status: {}\nspec:", `${WEB}:4:1: status EK-FIELD-UNKNOWN`, "must not be in a manifest", "spec:"],
  ["key that stands twice", WEB, "max: 6", "max: 6, max: 7", `${WEB}:6:30: spec.replicas.max EK-YAML`, "must stand once", "max: 6"],
  ["both probes", WEB, "  replicas", "  healthCheck: {httpGet: {}, tcpSocket: {}}\n  replicas", `${WEB}:6:16: spec.healthCheck EK-FIELD-INVALID`, "must have httpGet or tcpSocket, found both", "  healthCheck: {tcpSocket: {}}\n  replicas"],
  ["no probe", WEB, "  replicas", "  healthCheck: {periodSeconds: 5}\n  replicas", `${WEB}:6:16: spec.healthCheck EK-FIELD-INVALID`, "found neither", "  healthCheck: {httpGet: {path: /healthz}}\n  replicas"],
  ["timeout of a probe", WEB, "  replicas", "  healthCheck: {httpGet: {}, timeoutSeconds: 3}\n  replicas", `${WEB}:6:46: spec.healthCheck.timeoutSeconds EK-FIELD-INVALID`, "at most periodSeconds, which is 2; found 3", "  healthCheck: {httpGet: {}, timeoutSeconds: 2}\n  replicas"],
  ["path of a probe", WEB, "  replicas", "  healthCheck: {httpGet: {path: \"/a b\"}}\n  replicas", `${WEB}:6:33: spec.healthCheck.httpGet.path EK-FIELD-INVALID`, "must be an absolute path", "  healthCheck: {httpGet: {path: /a-b}}\n  replicas"],
  ["port of a probe", WEB, "  replicas", "  healthCheck: {httpGet: {port: web}}\n  replicas", `${WEB}:6:33: spec.healthCheck.httpGet.port EK-REFERENCE`, "one of the workload", "  healthCheck: {httpGet: {port: http}}\n  replicas"],
  ["thresholds", WEB, "  replicas", "  autoscale: {thresholds: {cpu: {min: 9, max: 9}}}\n  replicas", `${WEB}:6:39: spec.autoscale.thresholds.cpu.min EK-FIELD-INVALID`, "must be less than max, which is 9; found 9", "  autoscale: {thresholds: {cpu: {min: 5, max: 9}}}\n  replicas"],
  ["no threshold", WEB, "  replicas", "  autoscale: {thresholds: {}}\n  replicas", `${WEB}:6:27: spec.autoscale.thresholds EK-FIELD-INVALID`, "must have at least 1", "  autoscale: {thresholds: {cpu: {min: 5, max: 9}}}\n  replicas"],
  ["metric to come", WEB, "  replicas", "  autoscale: {thresholds: {memory: {min: 5, max: 9}}}\n  replicas", `${WEB}:6:28: spec.autoscale.thresholds.memory EK-NOT-YET`, "not measured by this release, which knows cpu, steal and collectd.TYPE-INSTANCE", "  autoscale: {thresholds: {cpu: {min: 5, max: 9}}}\n  replicas"],
  ["steal of a container", WEB, "  replicas", "  autoscale: {thresholds: {steal: {min: 5, max: 9}}}\n  replicas", `${WEB}:6:28: spec.autoscale.thresholds.steal EK-FIELD-INVALID`, "is for virtual machines", "  autoscale: {thresholds: {cpu: {min: 5, max: 9}}}\n  replicas"],
  ["threshold of nothing", WEB, "  replicas", "  autoscale: {thresholds: {cpu: {min: 0, max: 9}}}\n  replicas", `${WEB}:6:39: spec.autoscale.thresholds.cpu.min EK-FIELD-INVALID`, "must be more than 0, found 0", "  autoscale: {thresholds: {cpu: {min: 0.5, max: 9}}}\n  replicas"],
  ["thresholds that flap", WEB, "  replicas", "  autoscale: {thresholds: {cpu: {min: 45, max: 60}}}\n  replicas", `${WEB}:6:39: spec.autoscale.thresholds.cpu.min EK-FLAPPING (warning)`, "should be at most 40, found 45: cpu just above 60 on 2 replicas is 40 on 3, and that is below min", "  autoscale: {thresholds: {cpu: {min: 40, max: 60}}}\n  replicas"],
  ["window", WEB, "  replicas", "  autoscale: {thresholds: {cpu: {min: 1, max: 9}}, windowSeconds: 4}\n  replicas", `${WEB}:6:67: spec.autoscale.windowSeconds EK-FIELD-INVALID`, "must be at least sampleSeconds, which is 5; found 4", "  autoscale: {thresholds: {cpu: {min: 1, max: 9}}, windowSeconds: 5}\n  replicas"],
  ["end of a pause", WEB, "  replicas", '  autoscale: {thresholds: {cpu: {min: 1, max: 9}}, pause: {reason: x, until: "soon"}}\n  replicas', `${WEB}:6:78: spec.autoscale.pause.until EK-FIELD-INVALID`, "must be a time", '  autoscale: {thresholds: {cpu: {min: 1, max: 9}}, pause: {reason: x, until: "2026-12-01T18:00:00Z"}}\n  replicas'],
  ["autoscale of nothing", WEB, "  replicas: {min: 2", "  autoscale: {thresholds: {cpu: {min: 1, max: 9}}}\n  replicas: {min: 0", `${WEB}:7:19: spec.replicas.min EK-FIELD-INVALID`, "must be at least 1 with autoscale", "  autoscale: {thresholds: {cpu: {min: 1, max: 9}}}\n  replicas: {min: 1"],
  ["runtime that nobody has", WEB, "    image: evenkeel/web:1", "    runtime: libvirt\n    image: web.qcow2", `${WEB}:8:14: spec.workload.runtime EK-REFERENCE`, 'must be a runtime of the tenant\'s hypervisors (hv1: docker; hv2: docker), found "libvirt"', "    runtime: docker\n    image: web"],
  ["kernel of a container", WEB, "    image", "    kernel: {image: vmlinuz}\n    image", `${WEB}:8:13: spec.workload.kernel EK-FIELD-INVALID`, "is for virtual machines", "    image"],
  ["kernel's file", WEB, "    image", "    kernel: {image: /boot/vmlinuz}\n    image", `${WEB}:8:21: spec.workload.kernel.image EK-FIELD-INVALID`, "must be a file name such as vmlinuz", "    image"],
  ["user data of a container", WEB, "    image", "    userData: x\n    image", `${WEB}:8:15: spec.workload.userData EK-FIELD-INVALID`, "is for virtual machines", "    image"],
  ["checksum", WEB, "    image", "    checksum: sha256:abc\n    image", `${WEB}:8:15: spec.workload.checksum EK-FIELD-INVALID`, "must be sha256 and 64", "    image"],
  ["valueFrom", WEB, "    image", '    env: [{name: A, value: "", valueFrom: {}}]\n    image', `${WEB}:8:32: spec.workload.env[0].valueFrom EK-NOT-YET`, "not acted on", '    env: [{name: A, value: ""}]\n    image'],
  ["bastion's address", T1, "  primary", "  bastion: {address: 198.18.100.2, image: x, authorizedKeys: [ssh-ed25519 AAAA]}\n  primary", `${T1}:5:22: spec.bastion.address EK-OVERLAP`, "uplink address of hypervisor hv1", "  bastion: {address: 198.18.100.20, image: x, authorizedKeys: [ssh-ed25519 AAAA]}\n  primary"],
  ["bounds of load", HV2, "  underlay", "  load: {min: 90}\n  underlay", `${HV2}:8:15: spec.load.min EK-FIELD-INVALID`, "must be less than max, which is 80; found 90", "  load: {min: 10}\n  price: {perReplicaHour: \"0.02\"}\n  unschedulable: true\n  underlay"],
  ["item of a set that repeats", HV2, "  underlay", "  runtimes: [docker, docker]\n  underlay", `${HV2}:8:22: spec.runtimes[1] EK-DUPLICATE`, "must not repeat", "  runtimes: [docker]\n  underlay"],
  ["item of a list with keys that repeats", WEB, "    image", '    env: [{name: A, value: ""}, {name: A, value: b}]\n    image', `${WEB}:8:40: spec.workload.env[1].name EK-DUPLICATE`, "must not repeat", '    env: [{name: A, value: ""}, {name: B, value: b}]\n    image'],
  ["min above max", WEB, "min: 2", "min: 7", `${WEB}:6:19: spec.replicas.min EK-FIELD-INVALID`, "must be at most max, which is 6; found 7", "min: 6"],
  ["neither image nor kernel", WEB, "    image: evenkeel/web:1\n", "", `${WEB}:7:3: spec.workload.image EK-FIELD-MISSING`, "must be given", "    image: x\n"],
  ["cpu", WEB, "    image", "    resources: {cpu: lots}\n    image", `${WEB}:8:22: spec.workload.resources.cpu EK-FIELD-INVALID`, "must be a number of CPUs such as 2 or 500m", "    resources: {cpu: 0.5}\n    image"],
  ["least cpu", WEB, "    image", "    resources: {cpu: 1m}\n    image", `${WEB}:8:22: spec.workload.resources.cpu EK-FIELD-INVALID`, "must be at least 10m", '    resources: {cpu: "1"}\n    image'],
  ["least memory", WEB, "    image", "    resources: {memory: 128}\n    image", `${WEB}:8:25: spec.workload.resources.memory EK-FIELD-INVALID`, "must be at least 6Mi, found 128", "    resources: {memory: 134217728}\n    image"],
  ["capacity", HV2, "  underlay", "  capacity: {cpu: 0.00001}\n  underlay", `${HV2}:8:19: spec.capacity.cpu EK-FIELD-INVALID`, "must be a number of CPUs", "  capacity: {cpu: 1400m}\n  underlay"],
  ["update that can do nothing", WEB, "  replicas", "  update: {maxSurge: 0}\n  replicas", `${WEB}:6:22: spec.update.maxSurge EK-FIELD-INVALID`, "must be at least 1 where maxUnavailable is 0", "  update: {maxSurge: 0, maxUnavailable: 1}\n  replicas"],
  ["gateway outside", WEB, "  replicas", "  gatewayAddress: 10.13.14.1\n  replicas", `${WEB}:6:19: spec.gatewayAddress EK-ADDRESS`, "must be a usable address of 10.13.13.0/24, 10.13.13.1 to 10.13.13.254", "  gatewayAddress: 10.13.13.254\n  replicas"],
  ["gateway on broadcast", WEB, "  replicas", "  gatewayAddress: 10.13.13.255\n  replicas", `${WEB}:6:19: spec.gatewayAddress EK-ADDRESS`, "must be a usable address", "  gatewayAddress: 10.13.13.2\n  replicas"],
  ["room", WEB, "10.13.13.0/24", "10.13.13.0/29", `${WEB}:6:27: spec.replicas.max EK-ADDRESS`, "must be at most 4, the room in 10.13.13.0/29 less maxSurge, which is 1; found 6", "10.13.13.0/28"],
  ["room in the management network", T1, "  primary", "  managementNetwork: {cidr: 192.168.252.0/29}\n  primary", `${WEB}:6:27: spec.replicas.max EK-ADDRESS`, "must be at most 3, the room in the management network 192.168.252.0/29 (provider/t1.yaml:5)", "  managementNetwork: {cidr: 192.168.252.0/28}\n  primary"],
  ["public network", WEB, "10.13.13.0/24", "8.8.8.0/24", `${WEB}:5:9: spec.cidr EK-ADDRESS (warning)`, "should be a private network", "172.31.0.0/16"],
  ["overlap with loopback", WEB, "10.13.13.0/24", "127.0.1.0/24", `${WEB}:5:9: spec.cidr EK-OVERLAP`, "must not overlap 127.0.0.0/8 (loopback)", "10.127.0.0/24"],
  ["overlap with multicast", WEB, "10.13.13.0/24", "224.0.0.0/24", `${WEB}:5:9: spec.cidr EK-OVERLAP`, "must not overlap 224.0.0.0/4 (multicast)", "10.224.0.0/24"],
  ["overlap with link-local", WEB, "10.13.13.0/24", "169.254.0.0/24", `${WEB}:5:9: spec.cidr EK-OVERLAP`, "(link-local addresses)", "10.254.0.0/24"],
  ["overlap with this host", WEB, "10.13.13.0/24", "0.0.0.0/24", `${WEB}:5:9: spec.cidr EK-OVERLAP`, "(this host)", "10.0.0.0/24"],
  ["overlap with the management network", WEB, "10.13.13.0/24", "192.168.252.0/24", `${WEB}:5:9: spec.cidr EK-OVERLAP`, "(management network of tenant t1, provider/t1.yaml:", "192.168.253.0/24"],
  ["overlap with service addresses", WEB, "10.13.13.0/24", "198.18.100.0/28", `${WEB}:5:9: spec.cidr EK-OVERLAP`, "(service addresses of tenant t1, provider/t1.yaml:7)", "10.18.100.0/28"],
  ["overlap with an underlay", WEB, "10.13.13.0/24", "198.18.0.0/24", `${WEB}:5:9: spec.cidr EK-OVERLAP`, "(underlay of hypervisor hv1, provider/hv1.yaml:8)", "198.18.1.0/24"],
  ["overlap with an uplink", WEB, "10.13.13.0/24", "198.18.100.128/25", `${WEB}:5:9: spec.cidr EK-OVERLAP`, "(uplink of hypervisor hv1, provider/hv1.yaml:9)", "198.18.101.0/25"],
  ["management network on an uplink", T1, "  primary", "  managementNetwork: {cidr: 198.18.100.128/25}\n  primary", `${T1}:5:29: spec.managementNetwork.cidr EK-OVERLAP`, "must not overlap 198.18.100.0/24 (uplink of hypervisor hv1", "  managementNetwork: {cidr: 192.168.1.0/24}\n  primary"],
  ["service addresses of two tenants", T2, "198.18.100.10/31", "198.18.100.8/29", `${T2}:7:22: spec.serviceAddresses[0] EK-OVERLAP`, "must not overlap 198.18.100.12/31 (service addresses of tenant t1, provider/t1.yaml:7)", "198.18.100.8/30"],
  ["service addresses with a hypervisor in them", T2, "198.18.100.10/31", "198.18.100.2/31", `${T2}:7:22: spec.serviceAddresses[0] EK-OVERLAP`, "must not overlap 198.18.100.2/32 (uplink address of hypervisor hv1", "198.18.100.4/31"],
  ["service addresses with the router in them", T2, "198.18.100.10/31", "198.18.100.0/31", `${T2}:7:22: spec.serviceAddresses[0] EK-OVERLAP`, "(gateway of hypervisor hv1", "198.18.100.6/31"],
  ["service addresses in each other", T2, "198.18.100.10/31", "198.18.100.10/31, 198.18.100.10/32", `${T2}:7:40: spec.serviceAddresses[1] EK-OVERLAP`, "(service addresses of tenant t2", "198.18.100.10/31, 198.18.100.8/32"],
  ["service address not granted", WEB, "198.18.100.12", "198.18.100.14", `${WEB}:11:14: spec.service.address EK-ADDRESS`, "must be one of the serviceAddresses of tenant t1, 198.18.100.12/31 (provider/t1.yaml:7)", "198.18.100.13"],
  ["service address of another", WEB, "198.18.100.12", "198.18.100.10", `${WEB}:11:14: spec.service.address EK-ADDRESS`, "which is another tenant's", "198.18.100.13"],
  ["service without addresses", T1, "[198.18.100.12/31]", "[]", `${WEB}:11:14: spec.service.address EK-ADDRESS`, "which has none (provider/t1.yaml:7)", "[198.18.100.12/32]"],
  ["target port by name", WEB, "targetPort: http", "targetPort: htp", `${WEB}:12:36: spec.service.ports[0].targetPort EK-REFERENCE`, "must be one of the workload's TCP ports, which are: http (8080/TCP)", "targetPort: 8080"],
  ["target port left out", WEB, ", targetPort: http", "", `${WEB}:12:13: spec.service.ports[0].targetPort EK-REFERENCE`, "found 80", ", targetPort: 8080"],
  ["target port of the other protocol", WEB, "targetPort: http", "targetPort: http, protocol: UDP", `${WEB}:12:36: spec.service.ports[0].targetPort EK-REFERENCE`, "must be one of the workload's UDP ports, which are: none", "targetPort: http, protocol: TCP"],
  ["port names", WEB, "containerPort: 8080}", "containerPort: 8080}, {name: http, containerPort: 81}", `${WEB}:9:55: spec.workload.ports[1].name EK-DUPLICATE`, "must be unique", "containerPort: 8080}, {name: two, containerPort: 81}"],
  ["port without a name", WEB, "containerPort: 8080}", "containerPort: 8080}, {containerPort: 81}", `${WEB}:9:48: spec.workload.ports[1].name EK-FIELD-MISSING`, "must be given where there is more than one port", "containerPort: 8080}"],
  ["primary", T1, "primary: hv1", "primary: hv3", `${T1}:5:12: spec.primary EK-REFERENCE`, 'must be a hypervisor that is declared (hv1, hv2), found "hv3"', "primary: hv1"],
  ["standby", T1, "[{name: hv2}]", "[{name: hv9}]", `${T1}:6:20: spec.standby[0].name EK-REFERENCE`, "must be a hypervisor that is declared", "[]"],
  ["primary among standby", T1, "[{name: hv2}]", "[{name: hv2}, {name: hv1}]", `${T1}:6:33: spec.standby[1].name EK-DUPLICATE`, "must be another hypervisor than primary", "[]"],
  ["standby that repeats", T1, "[{name: hv2}]", "[{name: hv2}, {name: hv2}]", `${T1}:6:33: spec.standby[1].name EK-DUPLICATE`, "must not repeat", "[{name: hv2}]"],
  ["service addresses without an uplink", T1, "hv1\n  standby: [{name: hv2}]", "hv2", `${T1}:5:12: spec.primary EK-REFERENCE`, "must be a hypervisor with an uplink, because the tenant has serviceAddresses", "hv1"],
  ["egress without an address", T2, "[198.18.100.10/31]", "[]\n  egress: snat", `${T2}:8:11: spec.egress EK-REFERENCE`, "must be none for a tenant without serviceAddresses", "[]\n  egress: none"],
  ["quota of max", WEB, "max: 6", "max: 60", `${WEB}:6:27: spec.replicas.max EK-QUOTA`, "must be at most 10, the quota of tenant t1 (provider/t1.yaml:8); found 60", "max: 10"],
  ["connection that is nothing", HV2, "    ssh", "    #", `${HV2}:6:14: spec.connection EK-FIELD-INVALID`, "must be a map, found nothing", "    ssh"],
  ["neither ssh nor local", HV2, `:\n    ssh: {address: 198.18.0.12, identityFile: id_hv2, hostKeys: ["SHA256:${"b".repeat(43)}"]}`, ": {}", `${HV2}:6:15: spec.connection EK-FIELD-INVALID`, "must have ssh or local, found neither", ": {local: {}}"],
  ["both ssh and local", HV2, "    ssh", "    local: {}\n    ssh", `${HV2}:7:5: spec.connection EK-FIELD-INVALID`, "must have ssh or local, found both", "    ssh"],
  ["fleet", HV2, "fleet: campus", "fleet: other", `${HV2}:5:10: spec.fleet EK-REFERENCE`, "must be campus, the fleet of all hypervisors (provider/hv1.yaml:5)", "fleet: campus"],
  ["ssh address", HV2, "ssh: {address: 198.18.0.12", "ssh: {address: 198.18.0.11", `${HV2}:7:20: spec.connection.ssh.address EK-DUPLICATE`, "found 198.18.0.11:22, as in hv1 (provider/hv1.yaml:7)", "ssh: {port: 23, address: 198.18.0.11"],
  ["underlay address", HV2, "underlay: {address: 198.18.0.12", "underlay: {address: 198.18.0.11", `${HV2}:8:23: spec.underlay.address EK-DUPLICATE`, "found 198.18.0.11", "underlay: {address: 198.18.0.13"],
  ["uplink address", HV2, "  underlay", "  uplink: {device: edge, address: 198.18.100.2/24, gateway: 198.18.100.1}\n  underlay", `${HV2}:8:35: spec.uplink.address EK-DUPLICATE`, "found 198.18.100.2", "  uplink: {device: edge, address: 198.18.100.3/24, gateway: 198.18.100.1}\n  underlay"],
  ["uplink address of the network", HV1, "198.18.100.2/24", "198.18.100.0/24", `${HV1}:9:35: spec.uplink.address EK-ADDRESS`, "must be an interface's address", "198.18.100.3/24"],
  ["router outside", HV1, "gateway: 198.18.100.1", "gateway: 198.18.101.1", `${HV1}:9:61: spec.uplink.gateway EK-ADDRESS`, "must be another address of 198.18.100.0/24", "gateway: 198.18.100.254"],
  ["mtu", HV2, "device: eth0", "device: eth0, mtu: 576", `${HV2}:8:55: spec.underlay.mtu EK-FIELD-INVALID`, "must be at least 1280, found 576", "device: eth0, mtu: 9000"],
  ["path of a key", HV2, "id_hv2", "/root/.ssh/id_rsa", `${HV2}:7:47: spec.connection.ssh.identityFile EK-FIELD-INVALID`, "must be the name of a file in the keys directory", "id_rsa"],
  ["host key", HV2, `SHA256:${"b".repeat(43)}`, "SHA256:short", `${HV2}:7:66: spec.connection.ssh.hostKeys[0] EK-FIELD-INVALID`, "must be a fingerprint", `SHA256:${"c".repeat(43)}`],
  ["host key left out", HV2, `, hostKeys: ["SHA256:${"b".repeat(43)}"]`, "", `${HV2}:7:5: spec.connection.ssh.hostKeys EK-FIELD-MISSING`, "must be given", `, hostKeys: ["SHA256:${"c".repeat(43)}"]`],
];

describe("a manifest", () => {
  test.each(FIELDS)("is refused for: %s", async (_rule, file, from, bad, problem, message, good) => {
    const refused = await problemsOf(edited(file, from, bad));
    expect(refused.map(short)).toEqual([problem]);
    expect(refused[0]?.message).toContain(message);
    expect((await problemsOf(edited(file, from, good))).map(short)).toEqual([]);
  });
});

test("a check must have a TCP port to ask", async () => {
  const good = second({ more: "  healthCheck: {httpGet: {}}\n" });
  const bad = good.replace("containerPort: 80", "containerPort: 80, protocol: UDP");
  expect((await problemsOf({ ...VALID, [ZOO]: bad })).map(short)).toEqual([
    `${ZOO}:8:26: spec.healthCheck.httpGet EK-REFERENCE`,
  ]);
  expect(await problemsOf({ ...VALID, [ZOO]: good })).toEqual([]);
});

describe("two subnets of a tenant", () => {
  // biome-ignore format: one case a line
  const cases: readonly (readonly [rule: string, bad: string, problem: string, good: string])[] = [
    ["overlap", second({ cidr: "10.13.0.0/16" }), `${ZOO}:5:9: spec.cidr EK-OVERLAP`, second({ cidr: "10.14.0.0/16" })],
    ["exceed the quota by their min", second({ replicas: "{min: 9, max: 10}" }), `${ZOO}:6:19: spec.replicas.min EK-QUOTA`, second({ replicas: "{min: 8, max: 10}" })],
    ["are open on one port", second({ more: "  service: {address: 198.18.100.12, ports: [{port: 80}]}\n" }), `${ZOO}:8:52: spec.service.ports[0].port EK-DUPLICATE`, second({ more: "  service: {address: 198.18.100.13, ports: [{port: 80}]}\n" })],
    ["have one name", second().replace("zoo", "web"), `${ZOO}:3:18: metadata.name EK-DUPLICATE`, second()],
  ];
  test.each(cases)("%s", async (_rule, bad, problem, good) => {
    expect((await problemsOf({ ...VALID, [ZOO]: bad })).map(short)).toEqual([problem]);
    expect(await problemsOf({ ...VALID, [ZOO]: good })).toEqual([]);
  });

  test("are as many as the quota allows", async () => {
    const third = second({ cidr: "10.13.15.0/24" }).replace("zoo", "zoom");
    expect((await problemsOf({ ...VALID, [ZOO]: `${second()}---\n${third}` })).map(short)).toEqual([
      `${ZOO}:11:18: metadata.name EK-QUOTA`,
    ]);
  });
});

describe("places", () => {
  const subnet = VALID["tenants/t1/web.yaml"] ?? "";
  const tenant = VALID["provider/t1.yaml"] ?? "";
  // biome-ignore format: one case a line
  test.each([
    ["a Subnet in provider/", { "provider/web.yaml": subnet }, "provider/web.yaml:2:7: kind EK-PLACE"],
    ["a Tenant in tenants/", { "tenants/t1/t3.yaml": tenant.replace("t1", "t3") }, "tenants/t1/t3.yaml:2:7: kind EK-PLACE"],
    ["a file at the top", { "web.yaml": subnet }, "web.yaml:1:1:  EK-PLACE"],
    ["a file beside the tenants' folders", { "tenants/web.yaml": subnet }, "tenants/web.yaml:1:1:  EK-PLACE"],
    ["a folder that is no name", { "tenants/T_1/web.yaml": subnet }, "tenants/T_1/web.yaml:1:1:  EK-PLACE"],
    ["subnets of a tenant that is not", { "tenants/t3/web.yaml": subnet }, "tenants/t3/web.yaml:3:1: metadata.namespace EK-REFERENCE"],
  ])("%s", async (_place, files, problem) => {
    expect((await problemsOf({ ...VALID, ...files })).map(short)).toEqual([problem]);
  });
});

const suggestion = async (from: string, to: string): Promise<string | undefined> =>
  (await problemsOf(edited(WEB, from, to)))[0]?.suggestion;

test("suggests what was probably meant", async () => {
  expect(await suggestion("  replicas", "  autoscael: {}\n  replicas")).toBe('did you mean "autoscale"?');
  expect(await suggestion("containerPort: 8080", "containerPort: 8080, protocol: tpc")).toBe(
    'did you mean "TCP"?',
  );
  expect(await suggestion("targetPort: http", "targetPort: htpt")).toBe('did you mean "http"?');
  expect(await suggestion("max: 6", 'max: "6"')).toBe("write it without quotes");
  expect(await suggestion("max: 6", "max: 6, quux: 1")).toBe("known here: min, max");
});

test("reports all problems at once, in the order of the files", async () => {
  const problems = await problemsOf({
    ...edited(WEB, "{min: 2, max: 6}", "{min: 7, max: 6, mox: 1}"),
    "provider/hv2.yaml": "a: [",
    [ZOO]: second({ cidr: "10.13.13.0/24" }),
  });
  expect(problems.map(short)).toEqual([
    "provider/hv2.yaml:1:5:  EK-YAML",
    `${WEB}:6:19: spec.replicas.min EK-FIELD-INVALID`,
    `${WEB}:6:30: spec.replicas.mox EK-FIELD-UNKNOWN`,
    `${ZOO}:5:9: spec.cidr EK-OVERLAP`,
  ]);
});
