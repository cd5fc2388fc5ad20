import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { extract } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DomainError } from "../../../core/errors.ts";
import { chooseMirror, machineMirror } from "../../../functions/cli/demo/mirror.ts";
import { readDemoOptions } from "../../../functions/cli/demo/options.ts";
import { packRecipe } from "../../../functions/cli/demo/recipe-archive.ts";
import { failureLines, nextLines, sizeText, successLines } from "../../../functions/cli/demo/report.ts";
import { authorizedKey, makePublicKey } from "../../../functions/cli/demo/ssh-key.ts";

describe("choosing the package archive", () => {
  it("takes the release's main archive, not its updates or security fixes", () => {
    const listing = [
      "http://deb.invalid/debian-security/ bookworm-security main",
      "http://deb.invalid/debian/ bookworm-updates main",
      "http://deb.invalid/debian/ bookworm main",
    ];
    expect(chooseMirror(listing)).toBe("http://deb.invalid/debian");
  });

  it("takes another release's Debian archive when this one is not configured", () => {
    const listing = [
      "http://deb.invalid/debian-security trixie-security main",
      "https://deb.invalid/debian trixie main",
    ];
    expect(chooseMirror(listing)).toBe("https://deb.invalid/debian");
  });

  it("takes none that is not Debian's, or that kiwi could not fetch from", () => {
    expect(chooseMirror(["http://archive.invalid/ubuntu noble main"])).toBeUndefined();
    expect(
      chooseMirror(["cdrom:[Debian]/ bookworm main", "http://x.invalid/debian bookworm contrib", ""]),
    ).toBeUndefined();
  });

  it("knows none on a machine without apt", async () => {
    const run = () => Promise.reject(new DomainError("not-found", "no apt-get"));
    expect(await machineMirror(run, new AbortController().signal)).toBeUndefined();
  });
});

describe("the demo's options", () => {
  it("have defaults", () => {
    expect(readDemoOptions([])).toEqual({
      boot: false,
      keep: false,
      localstack: false,
      mirror: undefined,
      data: "./data/demo",
    });
  });

  it("take a mirror without its last slash", () => {
    expect(readDemoOptions(["--mirror", "http://deb.invalid/debian/"]).mirror).toBe(
      "http://deb.invalid/debian",
    );
  });

  it.each([[["--mirror", "ftp://x"]], [["--mirror", "nonsense"]], [["--data", ""]], [["--bot"]], [["word"]]])(
    "refuse %j",
    (words) => {
      expect(() => readDemoOptions(words)).toThrow(expect.objectContaining({ name: "UsageError" }));
    },
  );
});

describe("packing a recipe", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ims-recipe-"));
    await writeFile(join(folder, ".hidden"), "h");
    await writeFile(join(folder, "run.sh"), "#!/bin/sh", { mode: 0o775 });
    await mkdir(join(folder, "root/etc"), { recursive: true });
    await writeFile(join(folder, "root/etc/ünï"), "text", { mode: 0o660 });
    await symlink("/etc/target", join(folder, "root/link"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  async function entries(archive: Uint8Array) {
    const found: Record<string, unknown>[] = [];
    const reader = extract();
    Readable.from([archive]).pipe(createGunzip()).pipe(reader);
    for await (const entry of reader) {
      const { name, type, mode, uid, gid, linkname } = entry.header;
      found.push({ name, type, mode, uid, gid, linkname });
      entry.resume();
    }
    return found;
  }

  it("keeps names, links and what is executable, and makes root the owner", async () => {
    const own = { uid: 0, gid: 0 };
    expect(await entries(await packRecipe(folder))).toEqual([
      { name: ".hidden", type: "file", mode: 0o644, linkname: null, ...own },
      { name: "root", type: "directory", mode: 0o755, linkname: null, ...own },
      { name: "root/etc", type: "directory", mode: 0o755, linkname: null, ...own },
      { name: "root/etc/ünï", type: "file", mode: 0o644, linkname: null, ...own },
      { name: "root/link", type: "symlink", mode: expect.any(Number), linkname: "/etc/target", ...own },
      { name: "run.sh", type: "file", mode: 0o755, linkname: null, ...own },
    ]);
  });

  it("makes the same bytes for the same content", async () => {
    const digest = async () =>
      createHash("sha256")
        .update(await packRecipe(folder))
        .digest("hex");
    expect(await digest()).toBe(await digest());
  });
});

describe("the demo's public key", () => {
  it("is written as OpenSSH writes it", () => {
    const raw = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
    expect(authorizedKey(raw, "me")).toBe(
      `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${Buffer.concat([Buffer.from([0, 0, 0, 32]), raw])
        .toString("base64")
        .slice(5)} me`,
    );
  });

  it("is another one each time", () => {
    expect(makePublicKey()).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[\w+/]{43} ims-demo\n$/u);
    expect(makePublicKey()).not.toBe(makePublicKey());
  });
});

describe("what the demo says in the end", () => {
  it("names sizes in a unit that fits", () => {
    expect([0, 1023, 1024, 128_126_976, 5 * 1024 ** 4].map((bytes) => sizeText(bytes))).toEqual([
      "0 B",
      "1023 B",
      "1.0 KiB",
      "122.2 MiB",
      "5.0 TiB",
    ]);
  });

  it("lists id, digests and the time of each phase that has ended", () => {
    const text = successLines({
      image: { id: "image-1", name: "sample", arch: "x86_64" },
      jobId: "job-1",
      artifacts: [{ name: "rootfs", size: 2048, md5: "m1", sha256: "s1" }],
      phases: [
        { status: "creating", started: "2026-01-01T00:00:00.000Z", ended: "2026-01-01T00:00:01.500Z" },
        { status: "building_image", started: "2026-01-01T00:00:01.500Z", ended: "2026-01-01T00:01:01.500Z" },
        { status: "success", started: "2026-01-01T00:01:01.500Z" },
      ],
    }).join("\n");
    expect(text).toMatch(/id +image-1/u);
    expect(text).toMatch(/rootfs +2\.0 KiB +md5 +m1\n +sha256 s1/u);
    expect(text).toMatch(/creating +1\.5 s\n +building_image +60\.0 s\n +total +61\.5 s/u);
    expect(text).not.toMatch(/success +\d/u);
  });

  it("says what to try, with the service to be started first unless it runs on", () => {
    const next = {
      imageId: "i",
      jobId: "j",
      data: "./data/demo",
      url: "http://127.0.0.1:9100",
      running: false,
      passing: false,
      booted: false,
    };
    expect(nextLines(next).join("\n")).toContain("IMS_DATA=./data/demo npm start");
    expect(nextLines(next).join("\n")).toContain("--boot");
    const running = nextLines({ ...next, running: true, booted: true }).join("\n");
    expect(running).not.toContain("npm start");
    expect(running).not.toContain("--boot");
    const passing = nextLines({ ...next, passing: true }).join("\n");
    expect(passing).toContain("--keep");
    expect(passing).not.toContain("npm start");
  });

  it("tells of a failure where, why, what to do and the log's last lines, without control characters", () => {
    const lines = failureLines("j", {
      phase: "building_image",
      code: "build_failed",
      message: "kiwi failed",
      exit_code: 1,
      log_tail: ["first", "\u001B[31mred\u001B[0m\u0007"],
      hint: "look",
    });
    expect(lines).toEqual([
      "error: Job j failed: kiwi failed",
      "  phase      building_image",
      "  code       build_failed",
      "  exit code  1",
      "  hint       look",
      "  the log's last lines:",
      "    first",
      "    red ",
    ]);
  });

  it("is not silent about a failure that has no reason", () => {
    expect(failureLines("j", undefined)).toEqual(["error: Job j ended in error and does not say why."]);
  });
});
