import { describe, expect, it } from "vitest";
import { allOf, escapeXml, parseXml, textOf } from "../../../adapters/aws/fetch/xml.ts";
import { GetObjectCommand, requestOf, UploadPartCommand } from "../../../adapters/aws/fetch/s3.ts";

describe("XML as S3 writes it", () => {
  it("is read with its entities, nested elements and empty ones", () => {
    const root = parseXml(
      '<?xml version="1.0"?>\n<List xmlns="http://s3/"><Key>a &amp; &lt;b&gt; &#x41;&#66;</Key><None/><P><Q>1</Q></P><P><Q>2</Q></P></List>',
    );
    expect(root.name).toBe("List");
    expect(textOf(root, "Key")).toBe("a & <b> AB");
    expect(textOf(root, "None")).toBe("");
    expect(allOf(root, "P").map((part) => textOf(part, "Q"))).toEqual(["1", "2"]);
  });

  it("is refused where it was cut or is none", () => {
    for (const text of ["", "<List><Key>a</Key>", "<a></b>", "no XML"])
      expect(() => parseXml(text)).toThrow(SyntaxError);
  });

  it("is written with what would be markup escaped", () => {
    expect(textOf(parseXml(`<a><b>${escapeXml('<&">')}</b></a>`), "b")).toBe('<&">');
  });
});

describe("an address in S3", () => {
  const options = { region: "eu-central-1" };
  const addressOf = (Bucket: string, Key: string, more = {}) =>
    requestOf({ ...options, ...more }, new GetObjectCommand({}).operation, { Bucket, Key }).url.href;

  it("names the bucket as a host, or in the path where it has to", () => {
    expect(addressOf("boot-images", "a/b c+d")).toBe(
      "https://boot-images.s3.eu-central-1.amazonaws.com/a/b%20c%2Bd",
    );
    expect(addressOf("a.b", "k")).toBe("https://s3.eu-central-1.amazonaws.com/a.b/k");
    expect(addressOf("ims", "k", { endpoint: "http://127.0.0.1:1", forcePathStyle: true })).toBe(
      "http://127.0.0.1:1/ims/k",
    );
  });

  it("is refused where a URL would be another one", () => {
    expect(() => addressOf("ims", "a/../b")).toThrow(/with such a name/u);
  });

  it("has what a command says in its query and its headers", () => {
    const { operation } = new UploadPartCommand({});
    const input = { Bucket: "b", Key: "k", PartNumber: 2, UploadId: "u", ContentMD5: "m" };
    const { url, headers } = requestOf(options, operation, input);
    expect(url.search).toBe("?partNumber=2&uploadId=u");
    expect(headers.get("content-md5")).toBe("m");
  });
});
