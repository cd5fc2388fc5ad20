import { describe, expect, it } from "vitest";
import { plainEnvironment } from "../../../adapters/process/environment.ts";

describe("the environment of a job's programs", () => {
  it("holds the path, the locale, proxies and certificates, and no secret of the service", () => {
    const env = plainEnvironment({
      PATH: "/opt/kiwi/bin:/usr/bin",
      HOME: "/root",
      https_proxy: "http://proxy:3128",
      IMS_SECRET: "x",
      AWS_SECRET_ACCESS_KEY: "x",
      LC_ALL: "de_DE",
      NODE_OPTIONS: "--inspect",
    });
    expect(env).toEqual({
      PATH: "/opt/kiwi/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin:/bin",
      HOME: "/root",
      https_proxy: "http://proxy:3128",
      LANG: "C.UTF-8",
      LC_ALL: "C.UTF-8",
    });
  });

  it("leaves out folders of the path that depend on where a program runs", () => {
    expect(plainEnvironment({ PATH: ".::bin:/opt/bin" })["PATH"]).toMatch(/^\/opt\/bin:\/usr\/local\/sbin:/u);
  });
});
