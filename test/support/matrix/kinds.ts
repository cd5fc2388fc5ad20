import { randomUUID } from "node:crypto";
import { archiveBytes, inStatusWithin, post, postJob, recipe } from "../road.ts";
import type { ServiceProcess } from "../service-process.ts";
import { loggedIn, shellJob } from "../shell-jobs.ts";
import type { SshClient } from "../ssh.ts";
import { type Gate, GATES, type Gates } from "./gates.ts";
import { type ImageFiles, storeSmallImage } from "./root.ts";

/** A moment in which a job is held: before a gate, in the queue, or with its shell open. */
export type Moment = Gate | "queue" | "user";

export type KindName =
  | "create"
  | "packer"
  | "customize in a jail"
  | "customize beside the image"
  | "debug shell";

export interface Kind {
  readonly name: KindName;
  /** The moments of its way, in their order, and the status in which the job is then. */
  readonly moments: readonly (readonly [moment: Moment, status: string])[];
  /** Where its user says that all is done; without it nobody is asked. */
  readonly marker?: string;
  /** The code with which it ends when nobody disturbs it; without it, it ends in an image. */
  readonly endsIn?: string;
  readonly post: (world: World) => Promise<string>;
}

export interface World {
  readonly service: ServiceProcess;
  readonly gates: Gates;
  /** Made when they are first asked for: not every machine has what makes them. */
  readonly client: () => Promise<SshClient>;
  readonly image: () => Promise<ImageFiles>;
}

/** A recipe with one repository, which answers when its gate is open. */
async function postCreate({ service, gates }: World, behave: string, more: object = {}): Promise<string> {
  const name = randomUUID();
  const [description, ...rest] = recipe(behave);
  const repository = `<repository type="rpm-md"><source path="${gates.repository(name)}"/></repository>`;
  const content = String(description?.content).replace("</image>", `${repository}</image>`);
  const archive = await archiveBytes([{ name: "config.xml", content }, ...rest]);
  const id = await postJob(service, archive, {}, more);
  gates.ownRepository(name, id);
  return id;
}

async function postPacker({ service }: World): Promise<string> {
  const archive = await archiveBytes([{ name: "a.pkr.hcl" }, { name: "behave", content: "" }]);
  return await postJob(service, archive, { recipe_type: "packer" });
}

async function postCustomize({ service, client, image }: World, jail: boolean): Promise<string> {
  const { id } = await storeSmallImage(service, await image());
  const request = { artifact_id: id, ssh_containers: [{ jail }] };
  return (await shellJob(service, request, (await client()).publicKey)).id;
}

async function postDebug(world: World): Promise<string> {
  const { publicKey } = await world.client();
  const key = await post(world.service, "/v3/public-keys", { name: "k", public_key: publicKey });
  return await postCreate(world, "fail", { enable_debug: true, public_key_id: key.id });
}

const PACKAGING = [
  ["pack", "packaging_artifacts"],
  ["upload", "packaging_artifacts"],
  ["finish", "packaging_artifacts"],
  // the job is over, and its agent does not know it
  ["answer", "success"],
] as const;

const CUSTOMIZE = [
  ["download", "fetching_image"],
  ["unpack", "fetching_image"],
  ["open", "fetching_image"],
  ["user", "waiting_on_user"],
  ["close", "packaging_artifacts"],
  ...PACKAGING,
  ["queue", "creating"],
] as const;

export const KINDS: readonly Kind[] = [
  {
    name: "create",
    moments: [
      ["download", "fetching_recipe"],
      ["repositories", "waiting_for_repos"],
      ["build", "building_image"],
      ...PACKAGING,
      ["queue", "creating"],
    ],
    post: (world) => postCreate(world, ""),
  },
  {
    name: "packer",
    moments: [
      ["download", "fetching_recipe"],
      ["build", "building_image"],
      ...PACKAGING,
      ["queue", "creating"],
    ],
    post: postPacker,
  },
  {
    name: "customize in a jail",
    moments: CUSTOMIZE,
    marker: "/tmp/complete",
    post: (world) => postCustomize(world, true),
  },
  {
    name: "customize beside the image",
    moments: CUSTOMIZE,
    marker: "/mnt/image/complete",
    post: (world) => postCustomize(world, false),
  },
  {
    name: "debug shell",
    moments: [
      ["build", "building_image"],
      ["user", "waiting_on_user"],
      ["queue", "creating"],
    ],
    marker: "/mnt/image/complete",
    endsIn: "build_failed",
    post: postDebug,
  },
];

export function kindOf(name: KindName): Kind {
  const found = KINDS.find((kind) => kind.name === name);
  if (found === undefined) throw new Error(`There is no kind ${name}.`);
  return found;
}

/** Posts a job and brings it to that moment, where it stays. */
export async function held(world: World, kind: Kind, moment: Moment): Promise<string> {
  const id = await kind.post(world);
  world.gates.open(
    id,
    GATES.filter((gate) => gate !== moment),
  );
  if (moment === "queue") return id;
  if (kind.marker !== undefined && isAfterUser(kind, moment)) await sayDone(world, kind, id);
  if (moment === "user") await inStatusWithin(120, world.service, id, "waiting_on_user");
  else await world.gates.reached(id, moment);
  return id;
}

const isAfterUser = ({ moments }: Kind, moment: Moment): boolean => {
  const names = moments.map(([name]) => name);
  return moment !== "queue" && names.indexOf(moment) > names.indexOf("user");
};

/** Lets it go on to its end. */
export async function letGo(world: World, kind: Kind, moment: Moment, id: string): Promise<void> {
  world.gates.open(id);
  if (kind.marker !== undefined && !isAfterUser(kind, moment)) await sayDone(world, kind, id);
}

async function sayDone({ service, client }: World, { marker = "" }: Kind, id: string): Promise<void> {
  const { sh } = await loggedIn(service, id, await client());
  const { code, out } = await sh(`touch ${marker}`);
  if (code !== 0) throw new Error(`The shell does not answer: ${out}`);
}
