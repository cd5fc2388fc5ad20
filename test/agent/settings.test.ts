import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { readSettings, readToken } from "../../functions/agent/settings.ts";

const job = "0b8ccf1c-8b0e-4e4f-9d4b-6f4c7c1f5a11";
const minimal = {
  IMS_JOB_ID: job,
  IMS_SERVICE_URL: "http://127.0.0.1:9100",
  IMS_WORK_FOLDER: `/data/jobs/${job}`,
};

describe("the agent's settings", () => {
  it("need the job, the service and the work folder, and have values for the rest", () => {
    expect(readSettings(minimal)).toEqual({
      jobId: job,
      serviceUrl: "http://127.0.0.1:9100",
      workFolder: `/data/jobs/${job}`,
      patience: 900,
      keepWork: false,
      programs: {},
    });
  });

  it("can name other programs", () => {
    expect(
      readSettings({
        ...minimal,
        IMS_KIWI: "/opt/kiwi",
        IMS_PACKER_PLUGINS: "/opt/plugins",
        IMS_KEEP_WORK: "1",
        IMS_AGENT_PATIENCE: "5",
      }),
    ).toMatchObject({
      patience: 5,
      keepWork: true,
      programs: { kiwi: "/opt/kiwi", packerPlugins: "/opt/plugins" },
    });
  });

  it("say where the token is, where shells listen and who reads the last words, in a container", () => {
    expect(
      readSettings({
        ...minimal,
        IMS_TOKEN_FILE: "/run/ims/token",
        IMS_SHELL_PORT: "22",
        IMS_AGENT_IMAGE: "localhost/ims-agent:1@sha256:0",
        IMS_TERMINATION_LOG: "/dev/termination-log",
      }),
    ).toMatchObject({
      tokenFile: "/run/ims/token",
      shellPort: 22,
      image: "localhost/ims-agent:1@sha256:0",
      terminationLog: "/dev/termination-log",
    });
    expect(() =>
      readSettings({
        ...minimal,
        IMS_TOKEN_FILE: "token",
        IMS_SHELL_PORT: "65536",
        IMS_TERMINATION_LOG: "l",
      }),
    ).toThrow(/IMS_TOKEN_FILE is not an absolute path; IMS_SHELL_PORT is not a port; IMS_TERMINATION_LOG/u);
  });

  it("say on which address shells listen and which socket leads to the service, on a remote build node", () => {
    const read = (host: string, socket: string) =>
      readSettings({ ...minimal, IMS_SHELL_HOST: host, IMS_TUNNEL_SOCKET: socket });
    expect(read("127.0.0.1", "/run/ims/tunnel/service.sock")).toMatchObject({
      shellHost: "127.0.0.1",
      tunnelSocket: "/run/ims/tunnel/service.sock",
    });
    expect(read("::1", "/s").shellHost).toBe("::1");
    expect(() => read("a b", "service.sock")).toThrow(
      "IMS_SHELL_HOST is no name or address of a machine; IMS_TUNNEL_SOCKET is not an absolute path",
    );
    for (const host of ["", "x".repeat(254), "-oX=$(id)"])
      expect(() => read(host, "/s")).toThrow("IMS_SHELL_HOST is no name or address of a machine");
  });

  it("name everything that is wrong at once", () => {
    expect(() =>
      readSettings({ IMS_JOB_ID: "../x", IMS_SERVICE_URL: "ftp://x", IMS_AGENT_PATIENCE: "-1" }),
    ).toThrow(
      /IMS_JOB_ID is no id of a job.*IMS_SERVICE_URL is neither http nor https.*IMS_WORK_FOLDER.*IMS_AGENT_PATIENCE/u,
    );
  });

  it.each(["/", "/root", "jobs/x", `/data/../${job}`])(
    "refuse a work folder that must not be removed: %s",
    (folder) => {
      expect(() => readSettings({ ...minimal, IMS_WORK_FOLDER: folder })).toThrow(/IMS_WORK_FOLDER/u);
    },
  );
});

describe("the agent's token", () => {
  const from = (...pieces: string[]) => readToken(Readable.from(pieces.map((piece) => Buffer.from(piece))));

  it("is one line of JSON, however it comes in pieces", async () => {
    expect(await from('{"tok', 'en":"abc-_.~+/="}\n')).toBe("abc-_.~+/=");
    expect(await from('{"token":"abc"}')).toBe("abc");
  });

  it.each(["", "\n", "abc\n", '{"token":""}\n', '{"token":"a b"}\n', `{"token":"${"x".repeat(5000)}"}`])(
    "is missed in %.20j without telling what came instead",
    async (input) => {
      await expect(from(input)).rejects.toThrow(
        'The agent cannot start: its standard input brought no {"token": "..."}.',
      );
    },
  );
});
