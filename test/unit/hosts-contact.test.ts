import { describe, expect, test } from "@jest/globals";
import { execFileSync } from "node:child_process";
import type { InterfaceAddress } from "../../src/api/addresses.ts";
import { EvenkeelError } from "../../src/api/errors.ts";
import { contact, readContact } from "../../src/hosts/contact.ts";
import { contactScript, TOOLS } from "../../src/hosts/contact-script.ts";
import type { Runtime } from "../../src/facts/visibility.ts";
import type { ScriptResult, Shell } from "../../src/hosts/shell.ts";

const UNDERLAY = { device: "eth0", address: "198.18.0.11", mtu: 1500 };
const ASKED = { underlay: UNDERLAY, runtimes: ["docker", "libvirt"], domainType: "kvm" } as const;
const UPLINK = { device: "edge", address: "198.18.100.2/24" as InterfaceAddress };

/** What a hypervisor with nothing amiss prints. */
const GOOD = [
  "uid 0",
  ...[...TOOLS.keys()].map((tool) => `tool ${tool} yes`),
  "resolver yes",
  "collector yes",
  "iproute2 ip utility, iproute2-6.1.0, libbpf 1.1.2",
  "json yes",
  "iptables iptables v1.8.9 (nf_tables)",
  "engine yes 20.10.24+dfsg1",
  "live-restore true",
  "apparmor yes",
  "libvirt yes 9.0.0",
  "kvm yes",
  "device yes underlay eth0",
  "address yes underlay eth0 198.18.0.11",
  "device yes uplink edge",
  "address yes uplink edge 198.18.100.2",
  "mtu 9000 1500 eth0",
  "name yes hv1",
  "disk 80932000",
  ...["netns", "bridge", "veth", "macvlan", "vxlan", "port-flags", "netfilter", "ebtables"].map(
    (what) => `kernel ${what} yes`,
  ),
  "end",
];

/** The findings about a hypervisor of which one line is another. */
const findings = (line: string, instead: string) => {
  expect(GOOD).toContain(line);
  return readContact(`${GOOD.map((good) => (good === line ? instead : good)).join(" \n")}\n`);
};

describe("the first contact's script", () => {
  test("is one that a POSIX shell can read", () => {
    for (const script of [contactScript(ASKED), contactScript({ ...ASKED, uplink: UPLINK })])
      execFileSync("sh", ["-n"], { input: script });
  });

  test("asks only for what the hypervisor's runtimes need", () => {
    const tools = (...runtimes: readonly Runtime[]): string[] => {
      const [head = ""] = contactScript({ ...ASKED, runtimes }).split("\n");
      return ["docker", "virsh", "genisoimage"].filter((tool) => head.split(" ").includes(tool));
    };
    expect(tools("docker")).toEqual(["docker"]);
    expect(tools("libvirt")).toEqual(["virsh", "genisoimage"]);
    expect(tools("docker", "libvirt")).toHaveLength(3);
  });

  test.each(["eth0; reboot", "eth0'", "$(id)", "-x", "", "eth0\n"])("takes no device %p", (device) => {
    expect(() => contactScript({ ...ASKED, underlay: { ...UNDERLAY, device } })).toThrow(EvenkeelError);
    expect(() => contactScript({ ...ASKED, underlay: { ...UNDERLAY, address: device } })).toThrow(
      EvenkeelError,
    );
    expect(() => contactScript({ ...ASKED, uplink: { ...UPLINK, device } })).toThrow(/^uplink: /);
  });
});

describe("the first contact's findings", () => {
  test("all pass where nothing is amiss, one for each fact", () => {
    const all = readContact(GOOD.join("\n"));
    expect(all.filter(({ state }) => state !== "passed")).toEqual([]);
    expect(all).toHaveLength(GOOD.length - 1);
  });

  test.each([
    ["uid 0", "uid 1000", "failed", "user id 1000, not root", "root"],
    [
      "tool conntrack yes",
      "tool conntrack no",
      "failed",
      "conntrack is missing",
      "apt-get install conntrack",
    ],
    [
      "tool ebtables-nft-save yes",
      "tool ebtables-nft-save no",
      "failed",
      "missing",
      "apt-get install iptables",
    ],
    ["json yes", "json no", "failed", "ip prints no JSON", "apt-get install iproute2"],
    [
      "iptables iptables v1.8.9 (nf_tables)",
      "iptables iptables v1.6.1",
      "failed",
      "v1.6.1",
      "apt-get install iptables",
    ],
    [
      "engine yes 20.10.24+dfsg1",
      "engine no Cannot connect to the daemon.",
      "failed",
      "Cannot connect",
      "systemctl",
    ],
    ["engine yes 20.10.24+dfsg1", "engine no", "failed", "no answer in 5 s", "systemctl"],
    ["libvirt yes 9.0.0", "libvirt no error: failed to connect", "failed", "failed to connect", "libvirtd"],
    ["apparmor yes", "apparmor no", "failed", "no container starts", "apt-get install apparmor"],
    ["kvm yes", "kvm no", "failed", "/dev/kvm is missing", "domainType: qemu"],
    ["tool virsh yes", "tool virsh no", "failed", "missing", "apt-get install libvirt-clients"],
    ["live-restore true", "live-restore false", "warning", "whenever dockerd does", "live-restore"],
    ["resolver yes", "resolver no", "warning", "DHCP and DNS", "apt-get install dnsmasq-base"],
    ["collector yes", "collector no", "warning", "collectd is missing", "apt-get install collectd-core"],
    ["device yes underlay eth0", "device no underlay eth9", "failed", "eth9 is missing", "underlay.device"],
    [
      "address yes underlay eth0 198.18.0.11",
      "address no underlay eth0 198.18.0.9",
      "failed",
      "198.18.0.9 is not on eth0",
      "underlay.address",
    ],
    ["device yes uplink edge", "device no uplink edg", "failed", "edg is missing", "uplink.device"],
    [
      "address yes uplink edge 198.18.100.2",
      "address no uplink edge 198.18.100.3",
      "failed",
      "198.18.100.3 is not on edge",
      "uplink.address",
    ],
    [
      "mtu 9000 1500 eth0",
      "mtu 1400 1500 eth0",
      "failed",
      "eth0 passes 1400 octets, underlay.mtu says 1500",
      "ip link set eth0 mtu 1500",
    ],
    ["name yes hv1", "name no hv1", "warning", "hv1 does not resolve", "echo 127.0.1.1 hv1 >> /etc/hosts"],
    ["disk 80932000", "disk 102399", "warning", "99 MB free", "free 100 MB"],
    [
      "kernel vxlan yes",
      "kernel vxlan no Error: Unknown device type.",
      "failed",
      "Unknown device type",
      "CONFIG_VXLAN",
    ],
  ])("of `%s` turned into `%s`: %s", (line, instead, state, message, fix) => {
    const odd = findings(line, instead).filter((finding) => finding.state !== "passed");
    expect(odd).toEqual([
      {
        check: expect.any(String),
        state,
        message: expect.stringContaining(message),
        fix: expect.stringContaining(fix),
      },
    ]);
  });

  test.each([
    ["iproute2-5.15.0", "passed"],
    ["iproute2-6.0.0", "passed"],
    ["iproute2-5.14.0", "failed"],
    ["iproute2-4.20.0", "failed"],
    ["iproute2-ss200127", "failed"],
  ])("judge %s as %s", (version, state) => {
    const all = findings(
      "iproute2 ip utility, iproute2-6.1.0, libbpf 1.1.2",
      `iproute2 ip utility, ${version}`,
    );
    expect(all.find(({ check }) => check === "iproute2")?.state).toBe(state);
  });

  test("say so when the output is cut off", () => {
    expect(readContact("uid 0\n").map(({ check, state }) => [check, state])).toEqual([
      ["root", "passed"],
      ["complete", "failed"],
    ]);
  });

  test("do not trip over words that every JavaScript object knows", () => {
    const text = "constructor x\n__proto__ y\nkernel constructor no z\ntool toString no\nend";
    expect(readContact(text).map(({ fix }) => fix)).toEqual(["another kernel", "apt-get install toString"]);
  });
});

/** A hypervisor whose script prints this, and whose containers are listed so. */
const host = (stdout: string, list: () => Promise<never[]>) => {
  const result: ScriptResult = { state: "ended", code: 0, stdout, stderr: "" };
  return { run: async () => result, containers: { list } } as unknown as Shell;
};
const down = async () => {
  throw new EvenkeelError("EK-DOCKER", "open failed");
};

describe("Docker from here", () => {
  const { signal } = new AbortController();
  test("is a finding of its own when Docker answers there", async () => {
    const good = await contact(
      host(GOOD.join("\n"), async () => []),
      ASKED,
      signal,
    );
    expect(good.at(-1)).toMatchObject({ check: "docker from here", state: "passed" });
    const refused = await contact(host(GOOD.join("\n"), down), ASKED, signal);
    expect(refused.at(-1)).toMatchObject({
      state: "failed",
      message: expect.stringContaining("open failed"),
      fix: expect.stringContaining("AllowStreamLocalForwarding yes"),
    });
  });

  test("is no finding when Docker is silent there too", async () => {
    const all = await contact(host("engine no\nend", down), ASKED, signal);
    expect(all.map(({ check }) => check)).toEqual(["docker engine"]);
  });
});
