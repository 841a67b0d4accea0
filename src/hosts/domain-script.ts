import type { FleetName } from "../api/names.ts";
import { fleetDirectory, VIRSH } from "../facts/script.ts";
import type { DomainRequest } from "../resources/operation.ts";
import { domainXml } from "./domain-xml.ts";
import { seedFiles } from "./seed.ts";

/** Seconds that libvirt has for one thing: a hung one must not use up the time of everybody's changes. */
const ANSWER_SECONDS = 20;

/** Directory of the fleet's disk images and kernels on a hypervisor. */
export const imageDirectory = (fleet: FleetName): string => `${fleetDirectory(fleet)}/images`;
const domainDirectory = (fleet: FleetName): string => `${fleetDirectory(fleet)}/domains`;

/**
 * What is done to virtual machines, as functions of a change script. Each machine has a directory that is there from before
 * it is defined until after it is not: by that a look knows whether libvirt has to be asked. QEMU runs as a user of its
 * own, which has to get through the directories.
 */
export const domainPrograms = (fleet: FleetName): string => `
DOMAINS=${domainDirectory(fleet)} IMAGES=${imageDirectory(fleet)}
virsh_() { timeout ${ANSWER_SECONDS} ${VIRSH} "$@" </dev/null; }
# That there is no such machine is one thing that libvirt says; that it says nothing, or something else, is not the same.
domain_is() { state=$(virsh_ domstate "$1" 2>&1) || case $state in *"failed to get domain"*) state=absent;; *) return 1;; esac
  case " $2 " in *" \${state%% *} "*) ;; *) return 1;; esac; }
# domain_start NAME UUID IMAGE FORMAT, its files as lines \`FILE BASE64\`. What goes wrong is said with its name, and is no
# reason to stop: the machines beside it may be another subnet's.
domain_start() {
  { mkdir -p "$DOMAINS/$1" && chmod 711 "\${DOMAINS%/*/*}" "\${DOMAINS%/*}" "$DOMAINS" "$DOMAINS/$1" && (
    cd "$DOMAINS/$1" || exit 1
    while read -r file text; do printf %s "$text" | base64 -d > "$file.new" && mv "$file.new" "$file" || exit 1; done
    if [ "$3" != - ] && [ ! -e disk.qcow2 ]; then
      qemu-img create -q -f qcow2 -F "$4" -b "$IMAGES/$3" disk.new && mv disk.new disk.qcow2 || exit 1
    fi
    if [ -e user-data ]; then
      genisoimage -quiet -input-charset utf-8 -volid cidata -joliet -rock -output seed.new user-data meta-data network-config &&
        mv seed.new seed.iso || exit 1
    fi
    virsh_ define domain.xml && virsh_ start "$2" --paused
  ); } >"$e.domain" 2>&1 </dev/stdin || domain_is "$2" "paused running" ||
    echo "$1: $(grep -v '^$' "$e.domain" | tr '\\n' ' ')" >&2
}
# Lines \`VERB UUID NAME\`: by its UUID, which a machine of somebody else's does not have, whatever its name.
domain() { while read -r verb uuid name; do
  case $verb in
    resume) virsh_ resume "$uuid" >"$e.domain" 2>&1 || domain_is "$uuid" running;;
    shutdown) virsh_ shutdown "$uuid" --mode acpi >"$e.domain" 2>&1 || domain_is "$uuid" "shut absent crashed";;
    stop) virsh_ destroy "$uuid" >"$e.domain" 2>&1 || domain_is "$uuid" "shut absent crashed";;
    remove) { virsh_ destroy "$uuid" >"$e.domain" 2>&1 || domain_is "$uuid" "shut absent crashed"; } &&
      { virsh_ undefine "$uuid" --managed-save --snapshots-metadata --nvram >"$e.domain" 2>&1 || domain_is "$uuid" absent; } &&
      rm -rf "$DOMAINS/$name";;
  esac || { cat "$e.domain" >&2; return 1; }
done; }
`;

/** One call of domain_start, its input included. Every word of it is a name that the schema holds to letters and digits. */
export function domainStart(request: DomainRequest, eof: string): string {
  const { fleet, name, uuid, image = "-", userData } = request;
  const own = `${domainDirectory(fleet)}/${name}`;
  const files = {
    "domain.xml": domainXml(request, { images: imageDirectory(fleet), own }),
    ...(userData !== undefined && seedFiles(request)),
  };
  // As text of its own alphabet, because user data may hold any line at all.
  const lines = Object.entries(files).map(
    ([file, text]) => `${file} ${Buffer.from(text).toString("base64")}`,
  );
  const format = image.endsWith(".qcow2") ? "qcow2" : "raw";
  return `domain_start ${name} ${uuid} ${image} ${format} <<'${eof}'\n${lines.join("\n")}\n${eof}\n`;
}
