import { defineConfig } from "vitest/config";

const project = (name: string, include: string[], rest: { testTimeout?: number } = {}) => ({
  test: { name, include, environment: "node" as const, ...rest },
});

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
      project("long", ["test/long/**/*.test.ts"], { testTimeout: 3_600_000 }),
      project("kubernetes", ["test/kubernetes/**/*.test.ts"], { testTimeout: 180_000 }),
      project("build", ["test/build/**/*.test.ts"], { testTimeout: 1_800_000 }),
    ],
    coverage: { provider: "v8", include: ["core/**", "functions/**", "adapters/**"] },
  },
});
