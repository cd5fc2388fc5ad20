import { isoTime } from "../collection.ts";
import type { AgentOrigin, Builder, Provenance } from "../images/provenance.ts";
import type { Job } from "./job.ts";

export const HIDDEN = "***";
const LONGEST_VALUE = 500;
/** Of names and values together: image lists are read often, and a manifest must stay below its limit. */
const MOST_CHARACTERS = 16_384;

/** Names that say of themselves that their value is not for everybody. */
const SECRET_NAME =
  /pass|secret|token|credential|private|auth|cookie|(?:^|[_.-])(?:pwd|pw)(?:$|[_.-])|(?:api|access|signing|encryption|ssh|gpg)[_.-]?key|license|registration|activation|reg[_.-]?code/iu;
/** Keys in PEM and tokens in the usual formats. */
const SECRET_VALUE = /-----BEGIN [A-Z ]*PRIVATE KEY|^eyJ[\w-]+\.[\w-]+\.|^gh[a-z]_\w{20}|^AKIA[A-Z0-9]{12}/u;
/** User and password of a URL; query parameters may be signatures. */
const URL_CREDENTIALS = /(?<=\w:\/\/)[^\s/@]+@/gu;
const URL_QUERY = /(?<=\w:\/\/[^\s?]*\?)\S+/gu;

/** A template value as others may see it. */
export function shownValue(name: string, value: string): string {
  if (value === "") return value;
  if (SECRET_NAME.test(name) || SECRET_VALUE.test(value)) return HIDDEN;
  const clean = value.replaceAll(URL_CREDENTIALS, `${HIDDEN}@`).replaceAll(URL_QUERY, HIDDEN);
  return clean.length <= LONGEST_VALUE ? clean : `${clean.slice(0, LONGEST_VALUE).toWellFormed()}…`;
}

type Values = Pick<Provenance, "template_values" | "template_values_omitted">;

/** Later entries of the dictionary win, as they do in templates (behaviour 162). */
function templateValues({ source }: Job): Values {
  const entries = Object.entries(
    Object.fromEntries((source.template_dictionary ?? []).map(({ key, value }) => [key, value])),
  );
  const kept: [string, string][] = [];
  let size = 0;
  for (const [name, value] of entries) {
    const shown = shownValue(name, value);
    size += name.length + shown.length;
    if (size <= MOST_CHARACTERS) kept.push([name, shown]);
  }
  const omitted = entries.length - kept.length;
  return {
    template_values: Object.fromEntries(kept),
    ...(omitted === 0 ? {} : { template_values_omitted: omitted }),
  };
}

function origin(job: Job): Pick<Provenance, "recipe" | "base_image"> & Values {
  const { etag, md5, sha256, rootfs_md5, recipe_type } = job.source;
  if (job.job_type === "customize")
    return {
      base_image: {
        id: job.artifact_id,
        ...(etag === undefined ? {} : { manifest_etag: etag }),
        ...(rootfs_md5 === undefined ? {} : { rootfs_md5 }),
      },
    };
  return {
    recipe: {
      id: job.artifact_id,
      ...(recipe_type === undefined ? {} : { recipe_type }),
      ...(md5 === undefined ? {} : { md5 }),
      ...(sha256 === undefined ? {} : { sha256 }),
    },
    ...templateValues(job),
  };
}

export interface ProvenanceFacts {
  readonly builder: Builder | undefined;
  readonly agent: AgentOrigin | undefined;
  readonly serviceVersion: string;
  readonly now: number;
}

/** What is known of an image that a job has just made; all but builder and agent from the job's own record. */
export function provenanceOf(job: Job, { builder, agent, serviceVersion, now }: ProvenanceFacts): Provenance {
  const begun = job.progress?.phases.find(({ status }) => status !== "creating");
  return {
    job_id: job.id,
    job_type: job.job_type,
    ...origin(job),
    arch: job.arch,
    require_dkms: job.require_dkms,
    kernel_file_name: job.kernel_file_name,
    ...(builder === undefined ? {} : { builder }),
    ...(agent === undefined ? {} : { agent }),
    service_version: serviceVersion,
    started: begun?.started ?? job.created,
    finished: isoTime(now),
  };
}
