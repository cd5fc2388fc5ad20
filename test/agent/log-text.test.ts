import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createLogText } from "../../functions/agent/log-text.ts";
import { secretValues } from "../../functions/agent/secrets.ts";

const { clean } = createLogText("the-token");

describe("a line of a job's log", () => {
  it("loses colours, other escapes and control characters, but keeps tabs and all of Unicode", () => {
    expect(clean("\u001B[1;31mred\u001B[0m\tü 日本\u0007\u0000\u0085 \u001B]0;title\u0007end\r")).toBe(
      "red\tü 日本 end",
    );
  });

  it("does not hide a secret behind a control character", () => {
    expect(clean("the-\u0000token signa\u0007ture=abc")).toBe("[redacted] signature=[redacted]");
  });

  it("is cut at 8 KiB, never within a character, and tells how much is missing", () => {
    expect(clean(`x${"ü".repeat(5000)}`)).toBe(`x${"ü".repeat(4095)} [1810 more bytes]`);
    expect(clean("x".repeat(8192))).toBe("x".repeat(8192));
  });

  it("is well-formed text whatever came in", () => {
    expect(clean("a\uD800b")).toBe("a\uFFFDb");
  });

  it("takes no longer for lines that are made to confuse", () => {
    for (const line of [
      "\u001B[".repeat(30_000),
      "://a:".repeat(13_000),
      `://${"a:".repeat(30_000)}`,
      "password ".repeat(7000),
      "-token".repeat(10_000),
      "password=".repeat(7000),
      `eyJ${"-".repeat(60_000)}`,
      `curl ${" -u a".repeat(12_000)}`,
    ])
      expect(clean(line).length).toBeLessThan(9000);
  });
});

describe("a secret in a job's log", () => {
  it.each([
    [
      "https://repo.example/x?a=1&X-Amz-Signature=0a1b&b=2",
      "https://repo.example/x?a=1&X-Amz-Signature=[redacted]&b=2",
    ],
    ["zypper ar https://me:hunter2@repo.example/x y", "zypper ar https://me:[redacted]@repo.example/x y"],
    ["> Authorization: Bearer abc.DEF-123", "> Authorization: Bearer [redacted]"],
    ["authorization: Basic bWU6aHVudGVyMg==", "authorization: Basic [redacted]"],
    ['{"Authorization": "0123456789abcdef0123"}', '{"Authorization": "[redacted]"}'],
    ["sent bearer 0123456789abcdef0123", "sent bearer [redacted]"],
    ["mysql --password=hunter2 -h db", "mysql --password=[redacted] -h db"],
    ["mysql --password hunter2 -h db", "mysql --password [redacted] -h db"],
    ["+ DB_PASSWORD='hun ter2' run", "+ DB_PASSWORD='[redacted]' run"],
    ["registry_token=abcd1234;next", "registry_token=[redacted];next"],
    [
      '<user password="$1$wYJUgpM5$RXMMeASDc035eX.NbYWFl0" home="/root"/>',
      '<user password="[redacted]" home="/root"/>',
    ],
    ['"api_key": "0a1b2c3d"', '"api_key": "[redacted]"'],
    ["AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG", "AWS_SECRET_ACCESS_KEY=[redacted]"],
    ["as AKIAIOSFODNN7EXAMPLE in eu", "as [redacted] in eu"],
    ["curl -s -u me:hunter2 https://x", "curl -s -u me:[redacted] https://x"],
    [`got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N done`, "got [redacted] done"],
    [`git clone with ghp_${"a1B2".repeat(9)}`, "git clone with [redacted]"],
    ["-----BEGIN PRIVATE KEY-----MIIE-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----[redacted]"],
  ])("is left out of %j", (line, shown) => {
    expect(clean(line)).toBe(shown);
  });

  it.each([
    "kiwi_luks_empty_passphrase='false'",
    '<user password="*" home="/root"/>',
    "Setting up keyring: key 0x4F2B1A in /etc/apt/trusted.gpg.d/key.gpg",
    "rpmkeys: importing RPM-GPG-KEY-SuSE",
    "unexpected token '}' near line 3",
    "PASSWORD=$DB_PASSWORD TOKEN=${TOKEN}",
    "secret=/run/secrets/db token={{ token }} max_token=128",
    "usermod: no changes; passwd: password expiry information changed.",
    "Selecting previously unselected package libsecret-1-0.",
    "authentication of bearer plugins is on",
    "Authorization required",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4 me@example",
    "-----BEGIN CERTIFICATE-----",
    "PWD=/root/build OLDPWD=/root",
  ])("is not seen in %j", (line) => {
    expect(clean(line)).toBe(line);
  });

  it("is not seen in anything that kiwi prints", () => {
    const folder = new URL("../fixtures/kiwi/", import.meta.url);
    const lines = readdirSync(folder).flatMap((name) =>
      readFileSync(new URL(name, folder), "utf8").split("\n"),
    );
    const { line } = createLogText("the-token");
    expect(lines.length).toBeGreaterThan(300);
    for (const each of lines) expect(line(each)).toBe(each);
  });

  it("is hidden over all lines of a private key, but not what comes in between and after", () => {
    const { line } = createLogText("the-token");
    const body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
    const printed = [
      "[ DEBUG   ]: 20:41:05 | -----BEGIN RSA PRIVATE KEY-----",
      body,
      `[ DEBUG   ]: 20:41:05 | ${body}`,
      "Unpacking tar (1.34) ...",
      "Ab+/cd==",
      "-----END RSA PRIVATE KEY-----",
      body,
    ];
    expect(printed.map(line)).toEqual([
      printed[0],
      "[redacted]",
      "[redacted]",
      printed[3],
      "[redacted]",
      printed[5],
      body,
    ]);
  });

  it("is hidden wherever it turns up when a variable's name says that it is one", () => {
    const { clean: text, hide } = createLogText("the-token");
    hide(
      secretValues({
        ROOT_PASSWORD: "correct horse",
        "db.token": "correct horse battery",
        ADMIN_PASSWORD: "no",
        http_proxy: "http://me:s3cr3t.x@proxy:3128",
        NAME: "tumbleweed",
        PUBLIC_KEY: "ssh-ed25519 AAAA",
      }),
    );
    expect(text("a correct horse battery, no tumbleweed: (s3cr3t.x) ssh-ed25519 AAAA s3cr3tyx")).toBe(
      "a [redacted], no tumbleweed: ([redacted]) ssh-ed25519 AAAA s3cr3tyx",
    );
    expect(text("a correct horse")).toBe("a [redacted]");
  });
});
