import { describe } from "vitest";
import { workerDeployment } from "../support/deployments.ts";
import { roads } from "./roads.suite.ts";

describe("a Worker in workerd", () => {
  roads(() => workerDeployment(), { largeBody: "refused", downloads: "from the store" });
});
