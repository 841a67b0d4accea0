/** What a virtual machine was defined with, as its description shows it; files by their names alone. */
export interface DomainMade {
  /** Billionths of a CPU; bytes. */
  readonly nanoCpus: number;
  readonly memory: number;
  /** The disk image that its own disk is laid over; only a running machine shows it. */
  readonly image: string | undefined;
  readonly kernel: DomainKernel | undefined;
  /** It was given user data, which is not read back. */
  readonly hasSeed: boolean;
}

export interface DomainKernel {
  readonly image: string;
  readonly initrd: string | undefined;
  /** Without the addresses that are added to them. */
  readonly arguments: string;
}

/** Reads it out of libvirt's XML, parsed with attributes as fields and every `disk` in a list. */
export function domainMade(domain: unknown): DomainMade {
  const os = field(domain, "os");
  const kernel = text(field(os, "kernel"));
  const disks = field(field(domain, "devices"), "disk");
  const all: readonly unknown[] = Array.isArray(disks) ? disks : [];
  const isCdrom = (disk: unknown): boolean => text(field(disk, "device")) === "cdrom";
  const images = all
    .filter((disk) => !isCdrom(disk))
    .map((disk) => nameOf(text(field(field(field(disk, "backingStore"), "source"), "file"))));
  return {
    nanoCpus: cpusOf(domain),
    memory: Number(text(field(field(domain, "memory"), "#text"))) * 1024,
    image: images.find((name) => name !== ""),
    kernel:
      kernel === ""
        ? undefined
        : {
            image: nameOf(kernel),
            initrd: nameOf(text(field(os, "initrd"))) || undefined,
            arguments: text(field(os, "cmdline")).replace(/(^| )ip=\S+( ip=\S+)*$/, ""),
          },
    hasSeed: all.some(isCdrom),
  };
}

/** Its CPUs, and of each as much as it may use in a period. */
function cpusOf(domain: unknown): number {
  const vcpu = field(domain, "vcpu");
  const count = Number(text(vcpu) || text(field(vcpu, "#text")));
  const tune = field(domain, "cputune");
  const [quota, period] = [Number(text(field(tune, "quota"))), Number(text(field(tune, "period")))];
  return quota > 0 && period > 0 ? Math.round((count * quota * 1e9) / period) : count * 1e9;
}

const field = (of: unknown, name: string): unknown =>
  typeof of === "object" && of !== null ? Reflect.get(of, name) : undefined;

const text = (value: unknown): string => (typeof value === "string" ? value : "");

const nameOf = (file: string): string => file.split("/").at(-1) ?? "";
