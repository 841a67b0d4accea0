import { COLLECTOR_PACKAGES } from "./collector-programs.ts";
import { TOOLS } from "./contact-script.ts";
import type { Finding } from "./finding.ts";

/** What one fact of the contact script means; undefined when it says nothing by itself. */
type Reader = (words: readonly string[]) => Finding | undefined;

const MINIMUM_IPROUTE2 = { major: 5, minor: 15 };
const MINIMUM_DISK_MB = 100;

/** What makes each trial in the throw-away namespace pass. */
const KERNEL: ReadonlyMap<string, string> = new Map([
  ["netns", "a kernel with network namespaces (CONFIG_NET_NS), and sshd not confined in a container"],
  ["bridge", "modprobe bridge, or a kernel with CONFIG_BRIDGE"],
  ["veth", "modprobe veth, or a kernel with CONFIG_VETH"],
  ["macvlan", "modprobe macvlan, or a kernel with CONFIG_MACVLAN"],
  ["vxlan", "modprobe vxlan, or a kernel with CONFIG_VXLAN"],
  ["port-flags", "Linux 5.18 and iproute2 5.18 or later, which lock bridge ports"],
  [
    "netfilter",
    "a kernel with the tables filter, mangle and nat, and the matches conntrack, statistic and u32",
  ],
  ["ebtables", "a kernel with nf_tables for bridges (CONFIG_NF_TABLES_BRIDGE)"],
]);

type Verdict = [check: string, good: boolean, whenGood: string, otherwise: string, fix: string];

const verdict =
  (bad: "failed" | "warning") =>
  (...[check, good, whenGood, otherwise, fix]: Verdict): Finding =>
    good ? { check, state: "passed", message: whenGood } : { check, state: bad, message: otherwise, fix };

const must = verdict("failed");
const should = verdict("warning");

/** The readers by the first word of their fact. A map, because the words come from outside: `constructor` is none. */
export const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  [
    "uid",
    ([uid]) => must("root", uid === "0", "root", `user id ${uid}, not root`, "connection.ssh.user: root"),
  ],
  [
    "tool",
    ([tool = "", there]) => {
      const install = `apt-get install ${TOOLS.get(tool) ?? tool}`;
      return must(`tool ${tool}`, there === "yes", `${tool} is there`, `${tool} is missing`, install);
    },
  ],
  [
    "resolver",
    ([there]) => {
      const missing =
        "dnsmasq is missing, so that DHCP and DNS of the tenants at home there are not answered";
      const fix = "apt-get install dnsmasq-base";
      return should("resolver", there === "yes", "dnsmasq is there", missing, fix);
    },
  ],
  [
    "collector",
    ([there]) => {
      const missing = "collectd is missing, so that no count of the tenants at home there can follow it";
      const fix = `apt-get install ${COLLECTOR_PACKAGES}`;
      return should("collector", there === "yes", "collectd is there", missing, fix);
    },
  ],
  [
    "iproute2",
    (words) => {
      const found = words.join(" ");
      const [, major = 0, minor = 0] = /iproute2-v?(\d+)\.(\d+)/.exec(found)?.map(Number) ?? [];
      const least = MINIMUM_IPROUTE2;
      const good = major > least.major || (major === least.major && minor >= least.minor);
      const missing = `iproute2 ${least.major}.${least.minor} or later is needed, found: ${found}`;
      return must("iproute2", good, `iproute2 ${major}.${minor}`, missing, "Debian 12 or later has it");
    },
  ],
  [
    "json",
    ([works]) => {
      const fix = "apt-get install iproute2 (busybox's ip has no JSON)";
      return must("ip -json", works === "yes", "ip prints JSON", "ip prints no JSON", fix);
    },
  ],
  [
    "iptables",
    (words) => {
      const found = words.join(" ");
      const variant = /\((nf_tables|legacy)\)/.exec(found)?.[1];
      const unclear = `iptables names no variant: ${found}`;
      const fix = "apt-get install iptables (1.8 or later)";
      return must("iptables", variant !== undefined, found, unclear, fix);
    },
  ],
  [
    "engine",
    ([answers, ...words]) => {
      const said = words.join(" ") || "no answer in 5 s";
      const silent = `Docker does not answer: ${said}`;
      return must(
        "docker engine",
        answers === "yes",
        `Docker ${said}`,
        silent,
        "systemctl enable --now docker",
      );
    },
  ],
  [
    "live-restore",
    ([on]) => {
      if (on === undefined) return undefined; // the engine did not say, which is a finding of its own
      const fix = 'put {"live-restore": true} into /etc/docker/daemon.json; systemctl reload docker';
      return should("docker live-restore", on === "true", "on", "containers end whenever dockerd does", fix);
    },
  ],
  [
    "apparmor",
    ([there]) => {
      const missing = "AppArmor is on and apparmor_parser is missing, so that no container starts";
      return must(
        "apparmor",
        there === "yes",
        "apparmor_parser is there",
        missing,
        "apt-get install apparmor",
      );
    },
  ],
  [
    "libvirt",
    ([answers, ...words]) => {
      const said = words.join(" ") || "no answer in 5 s";
      const silent = `libvirt does not answer: ${said}`;
      const version = /(\d+(\.\d+)+)/.exec(said)?.[1] ?? "";
      return must(
        "libvirt",
        answers === "yes",
        `libvirt ${version}`,
        silent,
        "systemctl enable --now libvirtd",
      );
    },
  ],
  [
    "kvm",
    ([there]) => {
      const missing = "/dev/kvm is missing";
      const fix =
        "switch the CPU's virtualization on in its firmware, or spec.libvirt.domainType: qemu in its manifest";
      return must("kvm", there === "yes", "/dev/kvm is there", missing, fix);
    },
  ],
  [
    "device",
    ([there, place, device]) => {
      const [good, bad] = [`${device} is there`, `${device} is missing`];
      const fix = `correct ${place}.device in its manifest; ip link shows what there is`;
      return must(`${place} device`, there === "yes", good, bad, fix);
    },
  ],
  [
    "address",
    ([there, place, device, address]) => {
      const [good, bad] = [`${address} is on ${device}`, `${address} is not on ${device}`];
      const fix = `correct ${place}.address in its manifest; ip addr shows what there is`;
      return must(`${place} address`, there === "yes", good, bad, fix);
    },
  ],
  [
    "mtu",
    ([found, wanted, device]) => {
      const less = `${device} passes ${found} octets, underlay.mtu says ${wanted}`;
      const fix = `underlay.mtu: ${found} in its manifest, or: ip link set ${device} mtu ${wanted}`;
      return must("underlay MTU", Number(found) >= Number(wanted), `${found} on ${device}`, less, fix);
    },
  ],
  [
    "name",
    ([resolves, name]) => {
      const slow = `${name} does not resolve, so that the start of a VM takes 10 s longer`;
      return should(
        "own name",
        resolves === "yes",
        `${name} resolves`,
        slow,
        `echo 127.0.1.1 ${name} >> /etc/hosts`,
      );
    },
  ],
  [
    "disk",
    ([free]) => {
      const megabytes = Math.floor(Number(free ?? 0) / 1024);
      const message = `${megabytes} MB free for /var/lib/evenkeel`;
      return should(
        "disk space",
        megabytes >= MINIMUM_DISK_MB,
        message,
        message,
        `free ${MINIMUM_DISK_MB} MB there`,
      );
    },
  ],
  [
    "kernel",
    ([what = "", works, ...words]) => {
      const why = `does not work: ${words.join(" ")}`;
      return must(`kernel ${what}`, works === "yes", "works", why, KERNEL.get(what) ?? "another kernel");
    },
  ],
]);
