import { XMLBuilder } from "fast-xml-parser";
import { METADATA_NAMESPACE } from "../facts/domains.ts";
import type { DomainInterface, DomainRequest } from "../resources/operation.ts";

/** Where a virtual machine's files are on its hypervisor. */
export interface DomainFiles {
  /** Directory of the images of the fleet. */
  readonly images: string;
  /** Directory of this one's own: its disk, its seed. */
  readonly own: string;
}

/** Microseconds in which a virtual machine gets its share of each of its CPUs. */
const PERIOD = 100_000;
/** Mebibytes of translated code that an emulated machine keeps; QEMU would take a quarter of its memory. */
const TRANSLATED = 32;

const MEBI = 1024 * 1024;

const builder = new XMLBuilder({
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  format: true,
  suppressEmptyNode: true,
});

/** The XML that libvirt defines a virtual machine by. What is left out is as libvirt and the hypervisor have it. */
export function domainXml(request: DomainRequest, files: DomainFiles): string {
  const { name, uuid, domainType, memory, kernel, image, userData, interfaces, metadata } = request;
  const isEmulated = domainType === "qemu";
  const marks = Object.entries(metadata).map(([key, value]) => [`@${key}`, value] as const);
  return builder.build({
    domain: {
      "@type": domainType,
      name,
      uuid,
      metadata: {
        "evenkeel:replica": { "@xmlns:evenkeel": METADATA_NAMESPACE, ...Object.fromEntries(marks) },
      },
      memory: { "@unit": "KiB", "#text": Math.ceil(memory / 1024) },
      ...cpus(request),
      os: {
        type: "hvm",
        ...(kernel && {
          kernel: `${files.images}/${kernel.image}`,
          ...(kernel.initrd !== undefined && { initrd: `${files.images}/${kernel.initrd}` }),
          cmdline: commandLine(request),
        }),
      },
      features: {
        acpi: "",
        ...(isEmulated && { tcg: { "tb-cache": { "@unit": "MiB", "#text": tbCache(memory) } } }),
      },
      ...(isEmulated ? {} : { cpu: { "@mode": "host-passthrough", "@migratable": "on" } }),
      clock: { "@offset": "utc" },
      on_poweroff: "destroy",
      on_reboot: "restart",
      on_crash: "destroy",
      devices: {
        disk: [
          ...(image === undefined ? [] : [disk(`${files.own}/disk.qcow2`)]),
          ...(userData === undefined ? [] : [seed(`${files.own}/seed.iso`)]),
        ],
        interface: interfaces.map(networkInterface),
        serial: {
          "@type": "file",
          source: { "@path": `${files.own}/console.log` },
          target: { "@port": "0" },
        },
        controller: { "@type": "usb", "@model": "none" },
        memballoon: { "@model": "none" },
      },
    },
  });
}

const tbCache = (memory: number): number => Math.min(TRANSLATED, Math.ceil(memory / MEBI));

/** As many CPUs as it takes to use its limit; where that is not a whole number, less of each. */
function cpus({ nanoCpus }: DomainRequest): object {
  const count = Math.max(1, Math.ceil(nanoCpus / 1e9));
  const share = Math.floor((nanoCpus / 1e9 / count) * PERIOD);
  return {
    vcpu: count,
    ...(share < PERIOD && { cputune: { period: PERIOD, quota: share } }),
  };
}

const disk = (file: string): object => ({
  "@type": "file",
  "@device": "disk",
  driver: { "@name": "qemu", "@type": "qcow2", "@discard": "unmap" },
  source: { "@file": file },
  target: { "@dev": "vda", "@bus": "virtio" },
});

const seed = (file: string): object => ({
  "@type": "file",
  "@device": "cdrom",
  driver: { "@name": "qemu", "@type": "raw" },
  source: { "@file": file },
  target: { "@dev": "hda", "@bus": "ide" },
  readonly: "",
});

/** Of type ethernet: its tap is libvirt's to make and ours to move, for the bridge is in another namespace. */
const networkInterface = ({ tap, mac, mtu }: DomainInterface): object => ({
  "@type": "ethernet",
  mac: { "@address": mac },
  target: { "@dev": tap },
  model: { "@type": "virtio" },
  mtu: { "@size": mtu },
  rom: { "@enabled": "no" },
});

/**
 * What the manifest says, and the replica's addresses in the kernel's own words
 * (Documentation/admin-guide/nfs/nfsroot.rst): `ip=ADDRESS::GATEWAY:NETMASK:HOSTNAME:DEVICE:none`.
 */
function commandLine({ kernel, interfaces, hostname }: DomainRequest): string {
  const addresses = interfaces.map(({ address, gateway }, index) => {
    const [own = "", prefix = ""] = address.split("/");
    return `ip=${own}::${gateway ?? ""}:${netmask(Number(prefix))}:${hostname}:eth${index}:none`;
  });
  return [kernel?.arguments ?? "", ...addresses].join(" ").trim();
}

const netmask = (prefix: number): string =>
  [24, 16, 8, 0].map((shift) => ((0xffffffff << (32 - prefix)) >>> shift) & 255).join(".");
