# shellcheck shell=bash
# Container images out of what Debian has put on this machine, without a registry:
#   evenkeel/web:1, :2    perl-base, busybox and server.pl; they differ by the version they tell
#   evenkeel/bastion:1    busybox, sshd and ssh-keygen, and nothing set up: what a tenant's bastion has to bring
#   evenkeel/broken:1     exits 1 at once
# `docker import` gives another id each time, so the images are imported once, saved, and loaded from the
# saved file everywhere: their ids are the same in all hypervisors and all labs.
IMAGES=(evenkeel/web:1 evenkeel/web:2 evenkeel/bastion:1 evenkeel/broken:1)

images_file() {
  local digest
  digest=$( (dpkg-query -W perl-base libc6 busybox-static openssh-server; sha256sum <"$PARTS/server.pl"; sha256sum <"$PARTS/images.sh") 2>&1 | sha256sum)
  echo "$CACHE/images-${digest:0:16}.tar"
}

# with_libraries PROGRAM_OR_LIBRARY…: the files, and the libraries they are linked with.
with_libraries() {
  printf '%s\n' "$@"
  ldd "$@" 2>/dev/null | grep -o '/[^ :]*\.so[^ :]*' | sort -u || true
}

root_filesystem() {
  local root=$1 applet files
  mkdir -p "$root"/{bin,dev,etc,proc,root,sys,tmp}
  mapfile -t files < <(dpkg -L perl-base | grep -E '^/usr/(bin/perl$|lib/)' | while read -r f; do [[ -d $f ]] || echo "$f"; done)
  with_libraries "${files[@]}" | sort -u | xargs cp -L --parents -t "$root"
  with_libraries "$(command -v busybox)" | xargs cp -L --parents -t "$root"
  for applet in $(busybox --list); do
    [[ -e $root/bin/$applet ]] || ln -s "$(command -v busybox)" "$root/bin/$applet"
  done
  install -m 755 "$PARTS/server.pl" "$root/server.pl"
}

bastion_filesystem() {
  local root=$1
  root_filesystem "$root"
  mkdir -p "$root"/usr/sbin "$root"/run
  with_libraries /usr/sbin/sshd /usr/bin/ssh-keygen | sort -u | xargs cp -L --parents -t "$root"
  printf '%s\n' root:x:0:0:root:/root:/bin/sh sshd:x:100:65534::/run/sshd:/bin/false >"$root/etc/passwd"
  printf '%s\n' root:x:0: nogroup:x:65534: >"$root/etc/group"
}

# Runs docker in a hypervisor.
docker_in() { (enter "$1" docker "${@:2}"); }

build_images() {
  local hv=$1 file=$2 work version
  rm -rf "$CACHE"/build.* # of a build cut short: there is one at a time
  work=$(mktemp -d "$CACHE/build.XXXXXX")
  root_filesystem "$work/root"
  tar -C "$work/root" --owner=0 --group=0 --mtime=@0 --sort=name -cf "$work/root.tar" .
  for version in 1 2; do
    docker_in "$hv" import -c 'ENV PATH=/bin:/usr/bin' -c "ENV VERSION=$version" -c 'EXPOSE 8080/tcp 5353/udp' \
      -c 'CMD ["/usr/bin/perl", "/server.pl"]' - "evenkeel/web:$version" <"$work/root.tar" >/dev/null
  done
  docker_in "$hv" import -c 'ENV PATH=/bin:/usr/bin' -c 'CMD ["/bin/false"]' - evenkeel/broken:1 <"$work/root.tar" >/dev/null
  bastion_filesystem "$work/bastion"
  tar -C "$work/bastion" --owner=0 --group=0 --mtime=@0 --sort=name -c . |
    docker_in "$hv" import -c 'ENV PATH=/bin:/usr/bin' - evenkeel/bastion:1 >/dev/null
  docker_in "$hv" save "${IMAGES[@]}" >"$work/images.tar"
  docker_in "$hv" image inspect -f '{{.Id}}' "${IMAGES[@]}" >"$work/ids"
  mv "$work/ids" "$file.ids"
  mv "$work/images.tar" "$file" # last: with this name it is complete
  rm -rf "$work"
}

load_into() {
  local hv=$1 file=$2
  [[ $(docker_in "$hv" image inspect -f '{{.Id}}' "${IMAGES[@]}" 2>/dev/null) == "$(<"$file.ids")" ]] ||
    docker_in "$hv" load -q <"$file" >/dev/null
}

load_images() {
  local file hv jobs=() job
  file=$(images_file)
  [[ -s $file ]] || build_images "${HYPERVISORS[0]}" "$file"
  for hv in "${HYPERVISORS[@]}"; do load_into "$hv" "$file" & jobs+=($!); done
  for job in "${jobs[@]}"; do wait "$job"; done
}
