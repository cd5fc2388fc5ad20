import { describe, expect, it } from "vitest";
import { readConfig } from "../../functions/config.ts";

describe("the configuration", () => {
  it("needs none: loopback, everything below ./data", () => {
    expect(readConfig({}, "x64")).toMatchObject({
      host: "127.0.0.1",
      port: 9100,
      data: "./data",
      secretFile: "./data/secret",
      settings: {
        buckets: { recipes: "ims", images: "boot-images" },
        jobs: {
          maxRunning: 2,
          repositoryWaitSeconds: 500,
          nativeArch: "x86_64",
          pack: { compression: "zstd", level: 3 },
        },
      },
    });
  });

  it("lets a delete wait 20 s for its objects, or as long as IMS_MOVE_WAIT says", () => {
    expect(readConfig({}, "x64").settings.moveWaitSeconds).toBe(20);
    expect(readConfig({ IMS_MOVE_WAIT: "0" }, "x64").settings.moveWaitSeconds).toBe(0);
    expect(() => readConfig({ IMS_MOVE_WAIT: "3601" }, "x64")).toThrow(/IMS_MOVE_WAIT is more than 3600/u);
  });

  it("has shells listen where the service does, and on loopback when that is everywhere", () => {
    const shell = (variables: Record<string, string>) =>
      readConfig({ IMS_AUTH: "token", ...variables }, "x64").settings.jobs.shell;
    expect(shell({})).toEqual({ host: "127.0.0.1" });
    expect(shell({ IMS_HOST: "192.0.2.7" })).toEqual({ host: "192.0.2.7" });
    for (const IMS_HOST of ["0.0.0.0", "::"]) expect(shell({ IMS_HOST })).toEqual({ host: "127.0.0.1" });
    const told = { IMS_HOST: "0.0.0.0", IMS_SHELL_HOST: "builder.example", IMS_SHELL_PORTS: "30000-30099" };
    expect(shell(told)).toEqual({ host: "builder.example", ports: { first: 30_000, last: 30_099 } });
    expect(() => shell({ IMS_SHELL_HOST: "0.0.0.0" })).toThrow(/IMS_SHELL_HOST .*could connect to/u);
    for (const IMS_SHELL_PORTS of ["30000", "9-8", "0-5", "1-70000"])
      expect(() => shell({ IMS_SHELL_PORTS })).toThrow(/IMS_SHELL_PORTS is no range of ports/u);
  });

  it("has a listener for agents alone where it is told the address and the port, whatever asks who people are", () => {
    expect(readConfig({}, "x64").agentListener).toBeUndefined();
    const told = { IMS_AGENT_HOST: "0.0.0.0", IMS_AGENT_PORT: "9101" };
    expect(readConfig(told, "x64")).toMatchObject({
      auth: { kind: "none" },
      agentListener: { host: "0.0.0.0", port: 9101 },
    });
    for (const [name, value] of Object.entries(told))
      expect(() => readConfig({ [name]: value }, "x64")).toThrow(
        /IMS_AGENT_HOST and IMS_AGENT_PORT are needed together/u,
      );
  });

  it("names everything that is wrong at once", () => {
    const wrong = {
      IMS_PORT: "70000",
      IMS_MAX_JOBS: "-1",
      IMS_SQUASHFS_COMPRESSION: "zip",
      S3_IMS_BUCKET: "No",
    };
    expect(() => readConfig(wrong, "x64")).toThrow(
      /IMS_PORT is more than 65535[\s\S]*IMS_MAX_JOBS is not a whole number[\s\S]*IMS_SQUASHFS_COMPRESSION is none of zstd[\s\S]*S3_IMS_BUCKET is not a bucket name/u,
    );
  });

  it("names what contradicts something beside what is wrong by itself", () => {
    const wrong = { IMS_HOST: "0.0.0.0", IMS_PORT: "none" };
    expect(() => readConfig(wrong, "x64")).toThrow(
      /IMS_PORT is not a whole number[\s\S]*IMS_HOST=0\.0\.0\.0/u,
    );
    const oidc = { IMS_AUTH: "oidc", IMS_PORT: "none", IMS_OIDC_ISSUER: "https://id.example" };
    expect(() => readConfig(oidc, "x64")).toThrow(
      /IMS_PORT is not[\s\S]*IMS_OIDC_AUDIENCE is needed[\s\S]*IMS_OIDC_JWKS_URI is needed/u,
    );
  });

  it("takes a list of further buckets that links may name", () => {
    expect(readConfig({}, "x64").settings.linkBuckets).toEqual([]);
    expect(readConfig({ IMS_LINK_BUCKETS: "sat, boot.old" }, "x64").settings.linkBuckets).toEqual([
      "sat",
      "boot.old",
    ]);
    expect(() => readConfig({ IMS_LINK_BUCKETS: "fine,No" }, "x64")).toThrow(
      /IMS_LINK_BUCKETS is not a list/u,
    );
  });

  it.each(["0.0.0.0", "::", "192.168.1.1", "example.org", "127.0.0.1.example.org"])(
    "does not listen on %s without authentication and says what to do",
    (host) => {
      expect(() => readConfig({ IMS_HOST: host }, "x64")).toThrow(/loopback only. Leave IMS_HOST/u);
    },
  );

  it.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("listens on %s", (host) => {
    expect(readConfig({ IMS_HOST: host }, "x64").host).toBe(host);
  });

  it("takes caps and limits by name, and keeps the defaults of what is not named", () => {
    const { jobs } = readConfig(
      { IMS_MAX_JOBS_BY_ARCH: "aarch64=1", IMS_PHASE_SECONDS: "building_image=60, fetching_image=5" },
      "x64",
    ).settings;
    expect(jobs.maxByArch).toEqual({ aarch64: 1 });
    expect(jobs.maxByRunner).toEqual({});
    expect(jobs.phaseSeconds).toEqual({
      fetching_image: 5,
      fetching_recipe: 3600,
      waiting_for_repos: 800,
      building_image: 60,
      packaging_artifacts: 21_600,
      waiting_on_user: 604_800,
    });
  });

  it.each(["riscv=1", "aarch64", "aarch64=-1", "aarch64=1,aarch64=2", "aarch64=1=2"])(
    "does not take %s for a list of caps",
    (list) => {
      expect(() => readConfig({ IMS_MAX_JOBS_BY_ARCH: list }, "x64")).toThrow(
        /IMS_MAX_JOBS_BY_ARCH is no list such as/u,
      );
    },
  );

  it("takes a folder for packer's plugins, by its absolute path", () => {
    const given = { IMS_PACKER_PLUGINS: "/opt/plugins" };
    expect(readConfig(given, "x64").agentEnv).toEqual(given);
    expect(() => readConfig({ IMS_PACKER_PLUGINS: "plugins" }, "x64")).toThrow(
      /IMS_PACKER_PLUGINS is no absolute path/u,
    );
  });

  it("keeps logs for 90 days and 256 MiB of each, unless told otherwise", () => {
    expect(readConfig({}, "x64").settings.jobs).toMatchObject({
      maxLogBytes: 268_435_456,
      logRetentionDays: 90,
    });
    const told = readConfig({ IMS_MAX_LOG_BYTES: "1000", IMS_LOG_RETENTION_DAYS: "0" }, "x64");
    expect(told.settings.jobs).toMatchObject({ maxLogBytes: 1000, logRetentionDays: 0 });
    expect(() => readConfig({ IMS_MAX_LOG_BYTES: "0", IMS_LOG_RETENTION_DAYS: "-1" }, "x64")).toThrow(
      /IMS_MAX_LOG_BYTES is less than 1\n.*IMS_LOG_RETENTION_DAYS is not a whole number/u,
    );
  });

  it("lets jobs have what they asked for and no more, unless that is switched off", () => {
    expect(readConfig({}, "x64").settings.jobs.limited).toBe(true);
    expect(readConfig({ IMS_JOB_LIMITS: "off" }, "x64").settings.jobs.limited).toBe(false);
    expect(() => readConfig({ IMS_JOB_LIMITS: "no" }, "x64")).toThrow(/IMS_JOB_LIMITS is none of on, off/u);
  });

  it("hands to agents what concerns them and nothing else", () => {
    const { agentEnv } = readConfig({ IMS_KIWI: "/opt/kiwi-ng", IMS_TOKEN: "secret" }, "arm64");
    expect(agentEnv).toEqual({ IMS_KIWI: "/opt/kiwi-ng" });
  });

  describe("of storage", () => {
    const storage = (variables: Record<string, string>) => {
      const { records, artifacts, jobLogs, createStorage } = readConfig(variables, "x64");
      return { records, artifacts, jobLogs, createStorage };
    };

    it("is local without a word", () => {
      expect(storage({})).toMatchObject({
        records: { kind: "sqlite" },
        artifacts: { kind: "files" },
        jobLogs: { kind: "files" },
      });
    });

    it("takes DynamoDB and S3 of AWS, with what the SDK finds to show who asks, and makes nothing there", () => {
      const aws = { region: "eu-central-1" };
      expect(
        storage({
          IMS_RECORDS: "dynamodb",
          IMS_ARTIFACTS: "s3",
          AWS_REGION: "eu-central-1",
          DYNAMODB_TABLE: "mine",
        }),
      ).toEqual({
        records: { kind: "dynamodb", aws, table: "mine" },
        artifacts: { kind: "s3", aws: { ...aws, forcePathStyle: false } },
        jobLogs: { kind: "s3", aws: { ...aws, forcePathStyle: false }, bucket: "ims-logs" },
        createStorage: false,
      });
    });

    it("takes the names of the original for a store on the site, and keeps logs where objects are", () => {
      const aws = {
        region: "us-east-1",
        endpoint: "https://rgw.example",
        caFile: "/etc/ssl/site.pem",
        credentials: { accessKeyId: "who", secretAccessKey: "secret" },
        forcePathStyle: true,
        connectMilliseconds: 3000,
        idleMilliseconds: 120_000,
      };
      const variables = {
        IMS_ARTIFACTS: "s3",
        S3_ENDPOINT: "https://rgw.example",
        S3_ACCESS_KEY: "who",
        S3_SECRET_KEY: "secret",
        S3_SSL_VALIDATE: "/etc/ssl/site.pem",
        S3_LOGS_BUCKET: "logs",
        S3_URL_EXPIRATION: "60",
        S3_CONNECT_TIMEOUT: "3",
        S3_READ_TIMEOUT: "120",
      };
      expect(storage(variables)).toEqual({
        records: { kind: "sqlite" },
        artifacts: { kind: "s3", aws },
        jobLogs: { kind: "s3", aws, bucket: "logs" },
        createStorage: true,
      });
      expect(storage({ ...variables, IMS_JOB_LOGS: "files" }).jobLogs).toEqual({ kind: "files" });
      expect(storage({ ...variables, IMS_CREATE_STORAGE: "no" }).createStorage).toBe(false);
      expect(readConfig(variables, "x64").settings.jobs.signedUrlSeconds).toBe(60);
      expect(readConfig(variables, "x64").settings.uploads.partUrlSeconds).toBe(60);
      expect(readConfig(variables, "x64").settings.jobs.partsFromBytes).toBe(128 * 1024 ** 2);
      expect(readConfig({}, "x64").settings.jobs.partsFromBytes).toBe(5 * 1024 ** 3);
      expect(readConfig({ IMS_UPLOAD_PARTS_FROM: "7" }, "x64").settings.jobs.partsFromBytes).toBe(7);
    });

    it("takes the AWS credentials of the environment that it is given, unless S3 has its own or there is a profile", () => {
      const asked = { accessKeyId: "who", secretAccessKey: "secret", sessionToken: "for a while" };
      const variables = {
        IMS_RECORDS: "dynamodb",
        IMS_ARTIFACTS: "s3",
        AWS_REGION: "eu-central-1",
        AWS_ACCESS_KEY_ID: "who",
        AWS_SECRET_ACCESS_KEY: "secret",
        AWS_SESSION_TOKEN: "for a while",
      };
      expect(storage(variables)).toMatchObject({
        records: { aws: { credentials: asked } },
        artifacts: { aws: { credentials: asked } },
      });
      expect(storage({ ...variables, S3_ACCESS_KEY: "me", S3_SECRET_KEY: "mine" })).toMatchObject({
        records: { aws: { credentials: asked } },
        artifacts: { aws: { credentials: { accessKeyId: "me", secretAccessKey: "mine" } } },
      });
      const { records } = storage({ ...variables, AWS_PROFILE: "other" });
      expect(records).toHaveProperty("aws");
      expect(records).not.toHaveProperty("aws.credentials");
    });

    it("takes one endpoint for both, unless one has its own", () => {
      const both = {
        IMS_RECORDS: "dynamodb",
        IMS_ARTIFACTS: "s3",
        AWS_ENDPOINT_URL: "http://127.0.0.1:4566",
      };
      expect(storage(both)).toMatchObject({
        records: { aws: { endpoint: "http://127.0.0.1:4566" }, table: "ims" },
        artifacts: { aws: { endpoint: "http://127.0.0.1:4566", forcePathStyle: true } },
        createStorage: true,
      });
      expect(storage({ ...both, DYNAMODB_ENDPOINT: "http://127.0.0.1:8000" })).toMatchObject({
        records: { aws: { endpoint: "http://127.0.0.1:8000" } },
        artifacts: { aws: { endpoint: "http://127.0.0.1:4566" } },
      });
    });

    it("names what is missing, all of it, and no secret", () => {
      const wrong = {
        IMS_RECORDS: "dynamodb",
        IMS_JOB_LOGS: "s3",
        S3_SECRET_KEY: "hunter2",
        IMS_PORT: "none",
      };
      let message = "";
      try {
        readConfig(wrong, "x64");
      } catch (error) {
        message = String(error);
      }
      expect(message).toMatch(
        /IMS_PORT is not[\s\S]*AWS_REGION is needed with IMS_RECORDS=dynamodb[\s\S]*AWS_REGION or S3_REGION[\s\S]*S3_ACCESS_KEY and S3_SECRET_KEY/u,
      );
      expect(message).not.toContain("hunter2");
    });

    it("does not switch off the check of certificates, which means nothing without TLS", () => {
      const unchecked = { IMS_ARTIFACTS: "s3", S3_SSL_VALIDATE: "False" };
      expect(storage({ ...unchecked, S3_ENDPOINT: "http://rgw.example" }).artifacts).toEqual({
        kind: "s3",
        aws: { region: "us-east-1", endpoint: "http://rgw.example", forcePathStyle: true },
      });
      expect(() => storage({ ...unchecked, S3_ENDPOINT: "https://rgw.example" })).toThrow(
        /S3_SSL_VALIDATE cannot switch off .* PEM file/u,
      );
    });
  });
});
