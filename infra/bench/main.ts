// Measures what users wait for, as ratios within one run: npm run bench [-- start transfer api logs job customize functions]
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { benchApi } from "./api.ts";
import { benchCustomize } from "./customize.ts";
import { benchFunctions } from "./functions.ts";
import { benchJob } from "./job.ts";
import { benchKubernetes } from "./kubernetes/bench.ts";
import { benchLocalstack } from "./localstack.ts";
import { benchLogs } from "./logs.ts";
import { resultLine } from "./limits.ts";
import { benchSsh } from "./ssh.ts";
import { benchStart } from "./start.ts";
import { benchTransfer } from "./transfer.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = path.join(root, "bench-results");

const HELP = `npm run bench [-- start] [-- transfer] [-- api] [-- logs] [-- job] [-- customize] [-- --localstack]

start     service start to first answered request, against an empty Node program that listens
transfer  upload and download of 2 GiB through the API on local files, against cp and sync
api       reads, lists, creations and memory with up to 100,000 records, against the least that can answer the same
logs      a build's line to 50 followers, and the service's processor time for 100 MiB of log in an hour
job       time of a whole build job, against kiwi and mksquashfs alone (needs the build tools, root, minutes)
customize a customize job without a change, against unsquashfs, mksquashfs and copies by hand (squashfs-tools, OpenSSH,
          root, minutes)
functions sizes and cold starts of the separate functions, and what their entries add to a warm request, against an empty
          program and the one process (only when named; LocalStack)
kubernetes a job's POST to its agent, against a bare pod, a line's way out of a pod, and the cost of a thousand jobs (only
          when named; KUBECONFIG, and IMS_AGENT_IMAGE that its nodes have)
ssh       a job's POST to its agent on a remote build node, against ssh and podman run, and a line's way from the node (only
          when named; root, podman, runc, OpenSSH)

--localstack  what our adapters add to the AWS SDK's bare calls, on a LocalStack that is started and stopped

Without names all of them run, but for functions, kubernetes and ssh, and --localstack, which runs alone. Results are printed beside what is wanted, and written to bench-results/.
`;

const BENCHES = {
  start: () => benchStart(root),
  transfer: () => benchTransfer(root, folder),
  api: () => benchApi(root, folder),
  logs: () => benchLogs(root, folder),
  job: () => benchJob(root, folder),
  customize: () => benchCustomize(root, folder),
  functions: () => benchFunctions(),
  kubernetes: () => benchKubernetes(root, folder),
  ssh: () => benchSsh(root, folder),
};
/** They need more than this machine. */
const NAMED_ONLY: ReadonlySet<string> = new Set(["functions", "kubernetes", "ssh"]);

async function main(args: readonly string[]): Promise<void> {
  if (args.includes("--help")) return void process.stdout.write(HELP);
  mkdirSync(folder, { recursive: true });
  const results: Record<string, unknown> = {};
  const keep = (name: string, result: Readonly<Record<string, number>>) => {
    results[name] = result;
    for (const [what, value] of Object.entries(result))
      process.stdout.write(`${resultLine(name, what, value)}\n`);
  };
  if (args.includes("--localstack")) await benchLocalstack(keep);
  else
    for (const [name, bench] of Object.entries(BENCHES)) {
      if (args.length > 0 ? !args.includes(name) : NAMED_ONLY.has(name)) continue;
      process.stdout.write(`${name} …\n`);
      keep(name, await bench());
    }
  const file = path.join(folder, `${new Date().toISOString().replaceAll(":", "-")}.json`);
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  process.stdout.write(`Written to ${path.relative(root, file)}\n`);
}

await main(process.argv.slice(2));
