import { readFileSync } from "node:fs";
import path from "node:path";
import * as v from "valibot";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { KINDS } from "../../adapters/job-runner/kubernetes/api/cluster.ts";
import { neededRights } from "../../adapters/job-runner/kubernetes/preflight.ts";

const Role = v.object({
  rules: v.array(
    v.object({ apiGroups: v.array(v.string()), resources: v.array(v.string()), verbs: v.array(v.string()) }),
  ),
});

it("the Role grants what the service looks for at its start, and beside it only that its objects may have owners", () => {
  const file = path.join(import.meta.dirname, "../../infra/kubernetes/role.yaml");
  const { rules } = v.parse(Role, parse(readFileSync(file, "utf8")));
  const granted = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`)),
    ),
  );
  const groupOf = (kind: keyof typeof KINDS) => /^\/apis\/([^/]+)\//u.exec(KINDS[kind])?.[1] ?? "";
  const needed = neededRights({ istio: true }).map(({ kind, verb }) => `${verb} ${groupOf(kind)}/${kind}`);
  expect(granted.sort()).toEqual([...needed, "update batch/jobs/finalizers"].sort());
});
