import { describe, expect, it } from "vitest";
import { readConfig } from "../../functions/config.ts";

const NEEDED = { IMS_JOBS: "ssh", IMS_SSH_KEY_FILE: "/etc/ims/nodes.key" };
const read = (more: Record<string, string> = {}) => readConfig({ ...NEEDED, ...more }, "x64");

describe("the configuration of jobs on remote build nodes", () => {
  it("needs the key that opens the nodes, and no more", () => {
    const { jobs, ssh, settings } = read();
    expect(jobs).toEqual(["ssh"]);
    expect(ssh).toEqual({
      keyFile: "/etc/ims/nodes.key",
      user: "root",
      port: 22,
      folder: "/var/lib/ims-jobs",
      imageFile: undefined,
      tunnel: true,
      shells: "service",
      lostSeconds: 170,
      imageDays: 14,
      podmanOptions: [],
    });
    expect(settings.jobs).toMatchObject({ maxByNode: 2, silenceSeconds: { ssh: 170 } });
    expect(() => readConfig({ IMS_JOBS: "local,ssh" }, "x64")).toThrow(
      "IMS_SSH_KEY_FILE is needed with IMS_JOBS=ssh",
    );
    expect(readConfig({}, "x64").ssh).toBeUndefined();
  });

  it("says who logs in where, what jobs are given there, and how they are reached", () => {
    const { ssh, settings } = read({
      IMS_SSH_USER: "ims_build-1",
      IMS_SSH_PORT: "65535",
      IMS_SSH_FOLDER: "/data/ims.jobs",
      IMS_SSH_IMAGE: "/opt/agent.tar",
      IMS_SSH_TUNNEL: "no",
      IMS_AGENT_URL: "http://ims.example.com:9101",
      IMS_SSH_SHELLS: "node",
      IMS_SSH_LOST_SECONDS: "30",
      IMS_SSH_JOBS_PER_NODE: "0",
      IMS_SSH_IMAGE_DAYS: "1",
      IMS_SSH_PODMAN_OPTIONS: "  --device /dev/kvm\t--cpus=2 ",
    });
    expect(ssh).toEqual({
      keyFile: "/etc/ims/nodes.key",
      user: "ims_build-1",
      port: 65_535,
      folder: "/data/ims.jobs",
      imageFile: "/opt/agent.tar",
      tunnel: false,
      shells: "node",
      lostSeconds: 30,
      imageDays: 1,
      podmanOptions: ["--device", "/dev/kvm", "--cpus=2"],
    });
    expect(settings.jobs).toMatchObject({ maxByNode: 0, silenceSeconds: { ssh: 30 } });
  });

  it("needs the address at which nodes reach the service when no tunnel leads to it", () => {
    expect(() => read({ IMS_SSH_TUNNEL: "no" })).toThrow("IMS_AGENT_URL is needed with IMS_SSH_TUNNEL=no");
    expect(() => readConfig({ IMS_JOBS: "local", IMS_SSH_TUNNEL: "no" }, "x64")).not.toThrow();
  });

  it.each([
    ["IMS_SSH_KEY_FILE", "", "is empty"],
    ["IMS_SSH_USER", "", "is no name of a user"],
    ["IMS_SSH_USER", "-oProxyCommand=x", "is no name of a user"],
    ["IMS_SSH_USER", "a".repeat(33), "is no name of a user"],
    ["IMS_SSH_PORT", "0", "is less than 1"],
    ["IMS_SSH_PORT", "65536", "is more than 65535"],
    ["IMS_SSH_FOLDER", "jobs", "is no absolute, plain path without spaces"],
    ["IMS_SSH_FOLDER", "/", "is no absolute, plain path without spaces"],
    ["IMS_SSH_FOLDER", "/var/lib/ims jobs", "is no absolute, plain path without spaces"],
    ["IMS_SSH_FOLDER", "/var/$(id)", "is no absolute, plain path without spaces"],
    ["IMS_SSH_FOLDER", "/var/lib/../ims", "is no absolute, plain path without spaces"],
    ["IMS_SSH_IMAGE", "", "is empty"],
    ["IMS_SSH_TUNNEL", "maybe", "is none of yes, no"],
    ["IMS_SSH_SHELLS", "cluster", "is none of service, node"],
    ["IMS_SSH_LOST_SECONDS", "29", "is less than 30"],
    ["IMS_SSH_LOST_SECONDS", "86401", "is more than 86400"],
    ["IMS_SSH_JOBS_PER_NODE", "-1", "is not a whole number"],
    ["IMS_SSH_JOBS_PER_NODE", "1001", "is more than 1000"],
    ["IMS_SSH_IMAGE_DAYS", "0", "is less than 1"],
    ["IMS_SSH_IMAGE_DAYS", "3651", "is more than 3650"],
  ])("refuses %s=%j", (name, value, why) => {
    expect(() => read({ [name]: value })).toThrow(`${name} ${why}`);
  });
});
