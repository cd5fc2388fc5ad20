import { describeJobRunner } from "../contract/job-runner.suite.ts";
import { kubernetesBench } from "../support/kubernetes.ts";

describeJobRunner("Kubernetes", (behaviour) => kubernetesBench(behaviour));
