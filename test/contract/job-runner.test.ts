import { createRunnerBench } from "../support/local-runner.ts";
import { describeJobRunner } from "./job-runner.suite.ts";

describeJobRunner("local", (behaviour) => createRunnerBench("auto", behaviour));
describeJobRunner("local, not isolated,", (behaviour) => createRunnerBench("none", behaviour));
