import type { RemoteArgv } from "../../ssh/quote.ts";

/*
 * What is done on nodes: constant programs for the node's sh, whose only input is their arguments and standard input.
 * Each may be cut off anywhere and done again.
 *
 *   FOLDER/images/SHA256            id of the image that was loaded of the archive with that digest
 *   FOLDER/images/SHA256.part       what of the archive has come
 *   FOLDER/OWNER/jobs/JOB/          token-ATTEMPT, ca.pem, shell, and work/, which the container has as /work
 *   FOLDER/OWNER/{locks,trash}/
 *   FOLDER/OWNER/tunnel/            service.sock leads to the socket of the process that serves agents now
 */

/** A script with its positional parameters. */
export function shell(script: string, ...parameters: readonly string[]): RemoteArgv {
  return ["sh", "-c", script, "ims", ...parameters];
}

const SETUP = `
set -eu
umask 077
LC_ALL=C; export LC_ALL
`;

/** One at a time for a job, whoever asks from wherever. What it starts must not keep the lock. */
const LOCK = `
home=$base/$owner dir=$base/$owner/jobs/$job name=ims-$job
mkdir -p "$home/jobs" "$home/locks" "$home/trash"
exec 9>"$home/locks/$(printf %.2s "$job")"
flock -w 100 9
`;

/** Ends the container, lets go of its loop devices, and puts the folder aside, to be removed in the background. */
const CLEAN = `
clean() {
  if command -v podman >/dev/null; then podman rm -f --ignore "$name" >/dev/null 9>&-; fi
  [ -e "$dir" ] || return 0
  for loop in /sys/block/loop*/loop/backing_file; do
    [ -e "$loop" ] || continue
    device=/dev/$(basename "$(dirname "$(dirname "$loop")")")
    inode=$(losetup -n -O BACK-INO "$device" 2>/dev/null | tr -d ' ') || continue
    [ -n "$(find "$dir" -xdev -inum "\${inode:-0}" -print -quit)" ] || continue
    losetup -d "$device" || true
  done
  trash=$home/trash/$job.$$
  mv -T "$dir" "$trash"
  setsid sh -c 'chattr -R -f -i "$1"; exec rm -rf --one-file-system "$1"' sh "$trash" </dev/null >/dev/null 2>&1 9>&- &
}
`;

/** Exit code of LAUNCH when the node has not got the image any more. */
export const IMAGE_MISSING = 3;
/** Exit code of LAUNCH when the token did not arrive whole. */
export const CUT_SHORT = 4;

/**
 * base owner job attempt digest authority?, then the words for podman run. Input: the token's line, and then the
 * certificates of an authority.
 */
export const LAUNCH = `${SETUP}
base=$1 owner=$2 job=$3 attempt=$4 digest=$5; shift 5
IFS= read -r token || exit ${CUT_SHORT}
authority=$(cat)
${LOCK}${CLEAN}
image=$(cat "$base/images/$digest" 2>/dev/null) || exit ${IMAGE_MISSING}
seen() { podman container inspect --format '{{.State.Status}} {{index .Config.Labels "ims.attempt"}}' "$name" 2>/dev/null 9>&- || true; }
if [ -e "$dir" ]; then
  had=$(seen); state=\${had% *} before=\${had##* }
  if [ -n "$had" ] && [ "$before" -gt "$attempt" ]; then exit 0; fi
  if [ "$state" = running ] && [ "$before" -eq "$attempt" ]; then exit 0; fi
  clean
fi
mkdir -p "$dir/work"
printf '%s\\n' "$token" >"$dir/token-$attempt"
if [ -n "$authority" ]; then printf '%s\\n' "$authority" >"$dir/ca.pem"; fi
boot=$(cat /proc/sys/kernel/random/boot_id)
run() { podman run -d --pull never --name "$name" --label "ims.boot=$boot" "$@" "$image" >/dev/null 9>&-; }
if run "$@"; then exit 0; else code=$?; fi
podman image exists "$image" || { rm -f "$base/images/$digest"; clean; exit ${IMAGE_MISSING}; }
clean
exit $code
`;

/** base owner job */
export const STOP = `${SETUP}
base=$1 owner=$2 job=$3
${LOCK}${CLEAN}
clean
`;

/** Exit code of LIST when podman is not there, with what is known without it on standard output. */
export const NO_PODMAN = 5;

/**
 * base owner holder. Prints what there is of this owner's jobs, and says that the tunnel's holder lives; `gone` when its
 * socket is not there, `free` when no living process has the tunnel.
 */
export const LIST = `${SETUP}
base=$1 owner=$2 holder=$3 home=$1/$2
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
if [ -n "$holder" ] && ! [ -S "$home/tunnel/$holder.sock" ]; then
  echo gone
elif [ -n "$holder" ]; then
  touch "$home/tunnel/$holder.alive"
  now=$(readlink "$home/tunnel/service.sock" || true)
  if [ -z "$(find "$home/tunnel/\${now%.sock}.alive" -newermt '-20 seconds' 2>/dev/null)" ]; then echo free; fi
fi
if [ -d "$home/jobs" ]; then
  cd "$home/jobs"
  for job in *; do
    [ -d "$job" ] || continue
    echo "folder $job"
    if [ -s "$job/shell" ]; then echo "shell $job $(head -n 1 "$job/shell")"; fi
  done
fi
command -v podman >/dev/null || exit ${NO_PODMAN}
echo containers
exec podman ps -a --filter "label=ims.owner=$owner" --format json
`;

/** name. How a container ended, and what it said last. */
export const EXAMINE = `${SETUP}
podman inspect --format '{{.State.ExitCode}} {{.State.OOMKilled}}' "$1"
podman logs --tail 5 "$1" 2>&1
`;

/** base owner job, with the line for the shell as input. */
export const NOTE_SHELL = `${SETUP}
dir=$1/$2/jobs/$3
[ -d "$dir" ] || exit 0
cat >"$dir/shell.new"
mv -T "$dir/shell.new" "$dir/shell"
`;

/** base owner holder. Makes room for this process's end of the tunnel; the node may still listen for a dead line. */
export const OPEN_TUNNEL = `${SETUP}
home=$1/$2
mkdir -p "$home/tunnel"
rm -f "$home/tunnel/$3.sock"
`;

/** base owner holder. From now on agents find this process. */
export const TAKE_TUNNEL = `${SETUP}
cd "$1/$2/tunnel"
touch "$3.alive"
ln -sfn "$3.sock" "$3.link"
mv -fT "$3.link" service.sock
`;

/** base digest. Prints whether the image is loaded, how much of the archive is there, and the room for more. */
export const HAVE_IMAGE = `${SETUP}
mkdir -p "$1/images"
cd "$1/images"
if [ -s "$2" ] && podman image exists "$(cat "$2")"; then touch "$2"; echo loaded; exit 0; fi
rm -f "$2"
if [ -e "$2.part" ]; then stat -c %s "$2.part"; else echo 0; fi
df -PB1 . | awk 'NR == 2 { print $4 }'
`;

/** base digest offset, with the rest of the archive as input. Written by place, so that two senders do no harm. */
export const RECEIVE_IMAGE = `${SETUP}
exec dd "of=$1/images/$2.part" bs=256k iflag=fullblock oflag=seek_bytes "seek=$3" conv=notrunc status=none
`;

/** Exit code of LOAD_IMAGE when what came is not what was sent. */
export const CORRUPT = 6;

/** base digest packing. Checks what came, and loads it once. */
export const LOAD_IMAGE = `${SETUP}
cd "$1/images"
exec 9>load.lock
flock -w 600 9
[ -s "$2" ] && podman image exists "$(cat "$2")" && exit 0
echo "$2  $2.part" | sha256sum -c --status || { rm -f "$2.part"; exit ${CORRUPT}; }
if [ "$3" = gzip ]; then said=$(gzip -dc "$2.part" | podman load -q 9>&-); else said=$(podman load -q -i "$2.part" 9>&-); fi
podman image inspect --format '{{.Id}}' "$(printf '%s\\n' "$said" | sed -n '1s/^Loaded image[^:]*: *//p')" >"$2.new"
mv -T "$2.new" "$2"
rm -f "$2.part"
`;

/**
 * base owner digest days. Removes images that nobody has used for so long, what was left of copying them, and trash;
 * podman keeps images that containers use.
 */
export const SWEEP = `${SETUP}
cd "$1"
[ ! -d "$2/trash" ] || chattr -R -f -i "$2/trash" 2>/dev/null || true
find "$2/trash" -mindepth 1 -maxdepth 1 -exec rm -rf --one-file-system {} + 2>/dev/null || true
find "$2/tunnel" -name '*.alive' -mmin +1440 2>/dev/null | while IFS= read -r alive; do rm -f "$alive" "\${alive%.alive}.sock"; done
[ -d images ] || exit 0
find images -name '*.part' -mtime +1 -delete
find images -type f ! -name '*.*' ! -name "$3" -mtime "+$4" | while IFS= read -r old; do
  id=$(cat "$old")
  if ! podman image exists "$id" || podman rmi "$id" >/dev/null 2>&1; then rm -f "$old"; fi
done
`;

/** base. What a node is and has. */
export const PROBE = `${SETUP}
echo "arch $(uname -m)"
mkdir -p "$1"
df -PB1 "$1" | awk 'NR == 2 { print "disk", $4 }'
awk '$1 == "MemAvailable:" { print "memory", $2 * 1024 }' /proc/meminfo
jobs=0
for dir in "$1"/*/jobs/*/; do if [ -d "$dir" ]; then jobs=$((jobs + 1)); fi; done
echo "jobs $jobs"
if command -v podman >/dev/null; then
  if said=$(podman version --format '{{.Client.Version}}' 2>&1); then echo "podman $said"; else echo "broken $(echo "$said" | head -n 1)"; fi
fi
`;
