import { readConfig } from "../../functions/config.ts";
import type { Settings } from "../../core/settings.ts";

/** The settings of a service without any configuration, with these jobs' members changed. */
export function testSettings(jobs: Partial<Settings["jobs"]> = {}): Settings {
  const { settings } = readConfig({}, "x64");
  return { ...settings, serviceVersion: "1.2.3", jobs: { ...settings.jobs, ...jobs } };
}
