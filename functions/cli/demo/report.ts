import type { JobFailure } from "../../../core/jobs/failure.ts";
import type { JobProgress } from "../../../core/jobs/job.ts";
import type { Image } from "../../../core/images/image.ts";
import { printable } from "../terminal.ts";
import type { CheckedArtifact } from "./verify.ts";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes in the largest unit that leaves a number of at least one. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? ""}`;
}

function artifactLines(artifacts: readonly CheckedArtifact[]): readonly string[] {
  const width = Math.max(...artifacts.map(({ name }) => name.length));
  return artifacts.flatMap(({ name, size, md5, sha256 }) => [
    `  ${name.padEnd(width)}  ${sizeText(size).padStart(10)}  md5    ${md5}`,
    `  ${"".padEnd(width)}  ${"".padStart(10)}  sha256 ${sha256}`,
  ]);
}

/** How long each phase that has ended took, in the order in which they came. */
function phaseLines(phases: JobProgress["phases"]): readonly string[] {
  const spans = phases.flatMap(({ status, started, ended }) =>
    ended === undefined ? [] : [{ status, seconds: (Date.parse(ended) - Date.parse(started)) / 1000 }],
  );
  const total = spans.reduce((sum, { seconds }) => sum + seconds, 0);
  const width = Math.max(5, ...spans.map(({ status }) => status.length));
  const line = (name: string, seconds: number) =>
    `  ${name.padEnd(width)}  ${seconds.toFixed(1).padStart(7)} s`;
  return [...spans.map(({ status, seconds }) => line(status, seconds)), line("total", total)];
}

export interface Success {
  readonly image: Pick<Image, "id" | "name" | "arch">;
  readonly jobId: string;
  readonly artifacts: readonly CheckedArtifact[];
  readonly phases: JobProgress["phases"];
}

export function successLines({ image, artifacts, phases }: Success): readonly string[] {
  return [
    "",
    "The image is complete; every artifact was downloaded and its digests are right.",
    "",
    `  id    ${image.id}`,
    `  name  ${image.name}`,
    `  arch  ${image.arch}`,
    "",
    "Artifacts",
    ...artifactLines(artifacts),
    "",
    "Time",
    ...phaseLines(phases),
  ];
}

export interface NextSteps {
  readonly imageId: string;
  readonly jobId: string;
  /** As the user would write it. */
  readonly data: string;
  /** Where the service listens when the user comes to try. */
  readonly url: string;
  readonly running: boolean;
  /** Whether what was stored goes with the demo. */
  readonly passing: boolean;
  readonly booted: boolean;
}

export function nextLines(next: NextSteps): readonly string[] {
  const { imageId, jobId, data, url } = next;
  if (next.passing && !next.running)
    return ["", "LocalStack goes now, and the image with it; --keep leaves both running until Ctrl-C."];
  return [
    "",
    "What to try next",
    ...(next.running ? [] : [`  IMS_DATA=${data} npm start`, "  and then, from another shell:"]),
    `  curl ${url}/v3/images`,
    `  curl ${url}/v3/images/${imageId}/artifacts`,
    `  curl -o rootfs ${url}/v3/images/${imageId}/artifacts/rootfs`,
    `  curl ${url}/v3/jobs/${jobId}/log`,
    `  curl ${url}/openapi.json`,
    ...(next.booted ? [] : ["  npm run demo -- --boot     builds it again, and boots it"]),
  ];
}

export function failureLines(jobId: string, error: JobFailure | undefined): readonly string[] {
  if (error === undefined) return [`error: Job ${jobId} ended in error and does not say why.`];
  const exit = error.exit_code === undefined ? [] : [`  exit code  ${error.exit_code}`];
  return [
    `error: Job ${jobId} failed: ${printable(error.message)}`,
    `  phase      ${error.phase}`,
    `  code       ${error.code}`,
    ...exit,
    `  hint       ${printable(error.hint)}`,
    ...(error.log_tail.length === 0 ? [] : ["  the log's last lines:"]),
    ...error.log_tail.map((line) => `    ${printable(line)}`),
  ];
}
