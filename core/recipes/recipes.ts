import type { Arch } from "../arch.ts";
import type { Link } from "../artifacts/link.ts";
import { changeLink, type EtagRemark, remarkEtag, type WantedLink } from "../artifacts/link-change.ts";
import { requireObject } from "../artifacts/manifest.ts";
import { getJson, getStored, isoTime } from "../collection.ts";
import { forEachRecord } from "../deleted/each-record.ts";
import { changeSides } from "../deleted/trash.ts";
import type { CorePorts } from "../core-ports.ts";
import type { Json } from "../json.ts";
import { reapply } from "../retry.ts";
import type { Recipe, TemplateEntry } from "./recipe.ts";
import { createRecipeDeparture } from "./recipe-departure.ts";

export interface NewRecipe {
  readonly name: string;
  readonly recipe_type: Recipe["recipe_type"];
  readonly linux_distribution: Recipe["linux_distribution"];
  readonly link: WantedLink | null;
  readonly template_dictionary: readonly TemplateEntry[];
  readonly require_dkms: boolean;
  readonly arch: Arch;
}

export interface RecipePatch {
  readonly link?: WantedLink | undefined;
  readonly template_dictionary?: readonly TemplateEntry[] | undefined;
  readonly require_dkms?: boolean | undefined;
  readonly arch?: Arch | undefined;
}

export interface Recipes {
  list(): Promise<Json<Recipe[]>>;
  get(id: string): Promise<Json<Recipe>>;
  /** @throws `invalid` when the link's object does not exist or another recipe has it. */
  create(wanted: NewRecipe, remark?: EtagRemark): Promise<Recipe>;
  /** All or nothing. @throws `conflict` for another link than the recipe has already. */
  update(id: string, patch: RecipePatch, remark?: EtagRemark): Promise<Recipe>;
  /** To the trash, its archive with it. */
  remove(id: string): Promise<void>;
  removeAll(): Promise<void>;
  /** For good; `cascade` takes its archive along (behaviour 103 to 106, 128). */
  destroy(id: string, cascade: boolean): Promise<void>;
  destroyAll(cascade: boolean): Promise<void>;
}

export function createRecipes(ports: CorePorts): Recipes {
  const { records, artifacts, clock, ids } = ports;
  const check = (link: Link) => requireObject(artifacts, link);

  async function create(wanted: NewRecipe, remark?: EtagRemark): Promise<Recipe> {
    const id = ids.uuid();
    const created = isoTime(clock.now());
    return await reapply(ports, async () => {
      const linked = await changeLink(ports, { kind: "recipe", id }, null, wanted.link, check);
      const { link, changes } = linked;
      const value = { ...wanted, id, created, link, template_dictionary: [...wanted.template_dictionary] };
      await records.commit([{ op: "insert", kind: "recipe", id, value }, ...changes]);
      remarkEtag(ports, { kind: "recipe", id }, linked, remark);
      return value;
    });
  }

  async function update(id: string, patch: RecipePatch, remark?: EtagRemark): Promise<Recipe> {
    return await reapply(ports, async () => {
      const { value: old, version } = await getStored(records, "recipe", id);
      const linked = await changeLink(ports, { kind: "recipe", id }, old.link, patch.link, check);
      const { link, changes } = linked;
      const value: Recipe = {
        ...old,
        link,
        arch: patch.arch ?? old.arch,
        require_dkms: patch.require_dkms ?? old.require_dkms,
        template_dictionary: [...(patch.template_dictionary ?? old.template_dictionary)],
      };
      await records.commit([{ op: "replace", kind: "recipe", id, version, value }, ...changes]);
      remarkEtag(ports, { kind: "recipe", id }, linked, remark);
      return value;
    });
  }

  const { depart, end } = createRecipeDeparture(ports);
  const destroy = (id: string, cascade: boolean, patience?: number) =>
    changeSides(ports, id, () => end(id, cascade), patience);
  const remove = (id: string, patience?: number) =>
    changeSides(ports, id, (now) => depart(id, now), patience);

  return {
    list: () => records.listJson("recipe"),
    get: (id) => getJson(records, "recipe", id),
    create,
    update,
    remove: (id) => remove(id),
    removeAll: () => forEachRecord(ports, "recipe", remove),
    destroy: (id, cascade) => destroy(id, cascade),
    destroyAll: (cascade) => forEachRecord(ports, "recipe", (id, patience) => destroy(id, cascade, patience)),
  };
}
