import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import packageJson from "../package.json" with { type: "json" };

const text = (file: string) => readFileSync(path.join(import.meta.dirname, "..", file), "utf8");

describe("what is shipped", () => {
  it("starts the service with the options of npm start, in its container image and as a service of systemd", () => {
    const options = packageJson.scripts.start.match(/--\S+/gu);
    expect(options).not.toBeNull();
    const inContainer = JSON.stringify(["node", ...(options ?? []), "/opt/ims/server.mjs"]).replaceAll(
      ",",
      ", ",
    );
    expect(text("infra/containers/service/Containerfile")).toContain(`ENTRYPOINT ${inContainer}\n`);
    expect(text("infra/systemd/ims.service")).toContain(
      `ExecStart=/opt/ims/node ${options?.join(" ")} /opt/ims/server.mjs\n`,
    );
  });

  it("has every command that its documents and its own trial name", () => {
    const named = ["README.md", "CONTRIBUTING.md", "infra/functions.md", ".ci/run"].flatMap((file) =>
      [...text(file).matchAll(/npm (?:run |test)(?:--silent |-s )?([a-z:]+)?|run_tests \w+ ([a-z:]+)/gu)].map(
        ([, command, tested]) => command ?? tested ?? "test",
      ),
    );
    expect(new Set(named).size).toBeGreaterThan(5);
    const unknown = named.filter((command) => !(command in packageJson.scripts));
    expect(unknown).toEqual([]);
  });

  it("is of a version that says what is new in it", () => {
    expect(text("infra/CHANGELOG.md")).toContain(`\n## ${packageJson.version}\n`);
    expect(JSON.parse(text("infra/openapi.json")).info.version).toBe(packageJson.version);
  });
});
