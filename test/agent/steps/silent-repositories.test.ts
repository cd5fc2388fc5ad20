import { describe, expect, it } from "vitest";
import { nameRepositories, silentRepositories } from "../../../functions/agent/steps/silent-repositories.ts";

describe("repositories that did not answer, by the words of tools", () => {
  it.each([
    [
      "apt",
      "E: Failed to fetch http://me:pw@mirror.example/debian/dists/bookworm/InRelease  404  Not Found [IP: 192.0.2.1 80]",
      { url: "http://mirror.example/debian", answer: "404 Not Found [IP: 192.0.2.1 80]" },
    ],
    [
      "apt's progress",
      "Err:1 http://mirror.example/debian bookworm InRelease\n  Could not resolve 'mirror.example'\n",
      { url: "http://mirror.example/debian", answer: "Could not resolve 'mirror.example'" },
    ],
    [
      "debootstrap",
      "E: Failed getting release file http://mirror.example/debian/dists/bookworm/Release\nfailed: Connection refused.",
      { url: "http://mirror.example/debian", answer: "Connection refused" },
    ],
    [
      "debootstrap, for a package",
      "W: Couldn't download https://mirror.example/debian/pool/main/a/apt/apt.deb",
      { url: "https://mirror.example/debian" },
    ],
    [
      "dnf",
      "  - Curl error (7): Couldn't connect to server for https://mirror.example/el9/repodata/repomd.xml [Failed to connect]",
      { url: "https://mirror.example/el9", answer: "Couldn't connect to server" },
    ],
    [
      "zypper",
      "Download (curl) error for 'https://mirror.example/sle/repodata/repomd.xml?token=x':\nError code: Connection failed\nError message: Failed to connect to mirror.example port 443",
      { url: "https://mirror.example/sle", answer: "Failed to connect to mirror.example port 443" },
    ],
    [
      "zypper, after a while",
      "Timeout exceeded when accessing 'https://mirror.example/sle/repodata/repomd.xml'.",
      { url: "https://mirror.example/sle", answer: "Timeout exceeded" },
    ],
    [
      "zypper, for what is missing",
      "File '/repodata/repomd.xml' not found on medium 'https://mirror.example/sle/'",
      { url: "https://mirror.example/sle", answer: "not found" },
    ],
  ])("are named by %s", (_, text, repository) => {
    expect(silentRepositories(text)).toEqual([repository]);
  });

  it("are none where nothing is said of any", () => {
    expect(
      silentRepositories("Fetched 10 MB from http://mirror.example/debian\nE: Unable to locate package x"),
    ).toEqual([]);
    expect(nameRepositories("")).toBeUndefined();
  });

  it("are each named once, and not too many of them", () => {
    const lines = Array.from(
      { length: 8 },
      (_, n) => `E: Failed to fetch http://m${n}/d/pool/a.deb  Timeout\n`,
    );
    expect(nameRepositories([...lines, ...lines].join(""))).toBe(
      "http://m0/d (Timeout), http://m1/d (Timeout), http://m2/d (Timeout), http://m3/d (Timeout), http://m4/d (Timeout), 3 more",
    );
  });
});
