import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { openApiServer } from "../../adapters/job-runner/kubernetes/api/kubeconfig.ts";
import { preflight } from "../../adapters/job-runner/kubernetes/preflight.ts";
import { createKubernetesRunner } from "../../adapters/job-runner/kubernetes/runner.ts";
import { tryJob } from "../../adapters/job-runner/kubernetes/try-job.ts";
import { scratchFolder } from "../support/archives.ts";
import type { Json } from "../support/json.ts";
import {
  ask,
  kubeconfig,
  testConfig,
  testNamespace,
  testOrder,
  type TestNamespace,
} from "../support/kubernetes.ts";
import { until } from "../support/local-runner.ts";

const Token = v.object({ status: v.object({ token: v.string() }) });

/** A server as an account sees it that has the Role, as far as `rules` leaves it. */
async function asAccount({ name, server }: TestNamespace, rules: (all: Json[]) => Json[] = (all) => all) {
  const core = `/api/v1/namespaces/${name}`;
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${name}`;
  const role: Json = parse(
    readFileSync(join(import.meta.dirname, "../../infra/kubernetes/role.yaml"), "utf8"),
  );
  const binding = {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata: { name: "ims-jobs" },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "ims-jobs" },
    subjects: [{ kind: "ServiceAccount", name: "ims", namespace: name }],
  };
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "ims" } };
  for (const [path, body] of [
    [`${core}/serviceaccounts`, account],
    [`${rbac}/roles`, { ...role, rules: rules(role.rules) }],
    [`${rbac}/rolebindings`, binding],
  ] as const)
    expect((await ask(server, "POST", path, body)).status).toBe(201);
  const request = {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: { expirationSeconds: 3600 },
  };
  const { text } = await ask(server, "POST", `${core}/serviceaccounts/ims/token`, request);
  const { token } = v.parse(Token, JSON.parse(text)).status;
  const config: Json = parse(readFileSync(kubeconfig(), "utf8"));
  config.users = config.users.map(({ name: user }: Json) => ({ name: user, user: { token } }));
  const file = join(await scratchFolder(), "kubeconfig");
  await writeFile(file, stringify(config), { mode: 0o600 });
  return await openApiServer(file);
}

const lacks = async (namespace: TestNamespace, more: Parameters<typeof testConfig>[1] = {}) =>
  await preflight(namespace.server, testConfig(namespace.name, more));

it("finds nothing to say of a cluster that has all that jobs need, and leaves nothing there", async () => {
  const namespace = await testNamespace();
  expect(await lacks(namespace)).toEqual([]);
  expect(await namespace.objects()).toEqual([]);
});

it("is content with the Role that comes along, and jobs run with it from their launch to their end", async () => {
  const namespace = await testNamespace();
  const server = await asAccount(namespace);
  const config = testConfig(namespace.name, { command: ["sleep", "300"] });
  expect(await preflight(server, config)).toEqual([]);
  const runner = createKubernetesRunner({ server, config, view: "watch" });
  const order = testOrder(namespace.name, crypto.randomUUID());
  await runner.launch(order);
  await until(async () => ((await runner.inspect(order)).state === "running" ? true : undefined));
  expect(await runner.leftovers()).toEqual([{ jobId: order.jobId }]);
  expect((await runner.shellAddresses(order, 1)).customer.port).toBeGreaterThan(0);
  await runner.releaseShell(order);
  await runner.stop(order);
  expect(await namespace.objects()).toEqual([]);
  runner.close();
});

it("names each right that is missing, and where it comes from", async () => {
  const namespace = await testNamespace();
  const server = await asAccount(namespace, (all) =>
    all
      .filter(({ resources }) => !resources.includes("events"))
      .map((rule) => ({
        ...rule,
        verbs: rule.resources.includes("jobs") ? ["get", "list", "watch", "patch", "delete"] : rule.verbs,
      })),
  );
  const found = await preflight(server, testConfig(namespace.name));
  expect(found.map(({ what }) => what)).toEqual([
    `The service may not create jobs in the namespace ${namespace.name}.`,
    `The service may not list events in the namespace ${namespace.name}.`,
  ]);
  for (const { hint } of found) expect(hint).toContain("infra/kubernetes/role.yaml");
});

it("names the namespace, runtime class, storage class, service account or mesh that is not there", async () => {
  const namespace = await testNamespace();
  for (const [more, what, hint] of [
    [{ namespace: "ims-nowhere" }, '"ims-nowhere" not found', "DEFAULT_IMS_JOB_NAMESPACE"],
    [{ runtimeClasses: { dkms: "ims-kata" } }, '"ims-kata" not found', "JOB_KATA_RUNTIME"],
    [{ volume: { kind: "claim", storageClass: "ims-fast" } }, "ims-fast", "IMS_KUBERNETES_STORAGE_CLASS"],
    [{ serviceAccount: "ims-nobody" }, '"ims-nobody" not found', "IMS_KUBERNETES_SERVICE_ACCOUNT"],
    [{ signingKeys: { namespace: "default", name: "ims-keys" } }, "ims-keys", "IMS_KUBERNETES_SIGNING_KEYS"],
    [{ istio: true }, "destinationrules", "IMS_KUBERNETES_ISTIO"],
  ] as const) {
    const found = await lacks(namespace, more);
    expect(found).toEqual([{ what: expect.stringContaining(what), hint: expect.stringContaining(hint) }]);
  }
});

it("says what the namespace's rules or quota refuse", async () => {
  const namespace = await testNamespace();
  const path = `/api/v1/namespaces/${namespace.name}`;
  await ask(namespace.server, "PATCH", path, {
    metadata: { labels: { "pod-security.kubernetes.io/enforce": "baseline" } },
  });
  expect(await lacks(namespace)).toEqual([
    { what: expect.stringContaining("PodSecurity"), hint: expect.stringContaining("enforce=privileged") },
  ]);
});

it("passes on what the server says of a site's patches", async () => {
  const namespace = await testNamespace();
  const patches = { Job: { spec: { template: { spec: { dnsPolicy: "Sometimes" } } } } };
  expect(await lacks(namespace, { patches })).toEqual([
    { what: expect.stringContaining("dnsPolicy"), hint: expect.stringContaining("IMS_KUBERNETES_PATCHES") },
  ]);
});

it("says that a server cannot be reached", async () => {
  const namespace = await testNamespace();
  const server = { send: () => Promise.reject(new Error("connect ECONNREFUSED")) };
  const found = await preflight(server, testConfig(namespace.name));
  expect(found).toEqual([
    { what: expect.stringContaining("ECONNREFUSED"), hint: expect.stringContaining("KUBECONFIG") },
  ]);
});

it("tries the agent's image in a pod, and removes everything again", async () => {
  const namespace = await testNamespace();
  expect(await tryJob(namespace.server, testConfig(namespace.name))).toEqual([]);
  expect(await namespace.objects()).toEqual([]);
  const image = "localhost/ims-nobody-has-this:1";
  const found = await tryJob(namespace.server, testConfig(namespace.name, { image, startSeconds: 3 }));
  expect(found).toEqual([
    { what: expect.stringContaining(image), hint: expect.stringContaining("IMS_AGENT_IMAGE") },
  ]);
  expect(await namespace.objects()).toEqual([]);
});
