import { defineConfig } from "vitest/config";

const project = (name: string, include: string[], rest: { testTimeout?: number } = {}) => ({
  test: { name, include, environment: "node" as const, ...rest },
});

const here = (file: string) => new URL(file, import.meta.url).pathname;

/** What a Worker has in place of the AWS SDK. */
const BY_FETCH: Readonly<Record<string, string>> = {
  "@aws-sdk/client-dynamodb": here("adapters/aws/fetch/dynamodb.ts"),
  "@aws-sdk/client-s3": here("adapters/aws/fetch/s3.ts"),
  "@aws-sdk/s3-request-presigner": here("adapters/aws/fetch/presigner.ts"),
};

/** For our adapters, but for what makes the table, which a Worker does not; tests go on asking by the SDK. */
const byFetch = {
  name: "by-fetch",
  enforce: "pre" as const,
  resolveId: (name: string, importer = "") =>
    /\/adapters\/(?!.*\/table\.ts)/u.test(importer) ? BY_FETCH[name] : undefined,
};

export default defineConfig({
  test: {
    projects: [
      project("core", ["test/core/**/*.test.ts"]),
      project("functions", ["test/functions/**/*.test.ts"]),
      project("contract", ["test/contract/**/*.test.ts"], { testTimeout: 30_000 }),
      project("adapters", ["test/adapters/**/*.test.ts"], { testTimeout: 30_000 }),
      project("agent", ["test/agent/**/*.test.ts"], { testTimeout: 30_000 }),
      project("house", ["test/*.test.ts"], { testTimeout: 60_000 }),
      project("crash", ["test/crash/**/*.test.ts"], { testTimeout: 120_000 }),
      project("infra", ["test/infra/**/*.test.ts"], { testTimeout: 60_000 }),
      project("localstack", ["test/localstack/**/*.test.ts"], { testTimeout: 120_000 }),
      project("e2e", ["test/e2e/**/*.test.ts"], { testTimeout: 120_000 }),
      {
        plugins: [byFetch],
        ...project("by-fetch", ["test/localstack/{job-logs,upload-sessions,artifacts-move}.test.ts"], {
          testTimeout: 120_000,
        }),
      },
      project("ssh", ["test/ssh/**/*.test.ts"], { testTimeout: 120_000 }),
      project("long", ["test/long/**/*.test.ts"], { testTimeout: 3_600_000 }),
      project("kubernetes", ["test/kubernetes/*.test.ts"], { testTimeout: 180_000 }),
      project("kubernetes-long", ["test/kubernetes/long/*.test.ts"], { testTimeout: 1_800_000 }),
      project("build", ["test/build/**/*.test.ts"], { testTimeout: 1_800_000 }),
    ],
    coverage: { provider: "v8", include: ["core/**", "functions/**", "adapters/**"] },
  },
});
