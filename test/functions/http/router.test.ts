import { describe, expect, it } from "vitest";
import { createRouter } from "../../../functions/http/router.ts";

function routerOf(...paths: string[]) {
  const router = createRouter<string>();
  for (const path of paths) router.add("GET", path, path);
  return (path: string, method = "GET") => router.match(method, path)[0][0];
}

describe("the router", () => {
  it("finds fixed paths before all others, and otherwise what was added first", () => {
    const match = routerOf("/a/{id}", "/a/status", "/{any}/x", "/a/{again}");
    expect(match("/a/status")).toEqual(["/a/status", {}]);
    expect(match("/a/1")).toEqual(["/a/{id}", { id: "1" }]);
    expect(match("/a/x")).toEqual(["/a/{id}", { id: "x" }]);
    expect(match("/b/x")).toEqual(["/{any}/x", { any: "b" }]);
  });

  it("gives the rest of a path, slashes and all, to the parameter that takes it", () => {
    const match = routerOf("/s/{bucket}/{key*}");
    expect(match("/s/b/k")).toEqual(["/s/{bucket}/{key*}", { bucket: "b", key: "k" }]);
    expect(match("/s/b/k/l//m/")).toEqual(["/s/{bucket}/{key*}", { bucket: "b", key: "k/l//m/" }]);
  });

  it.each([
    "/",
    "/a",
    "/a/",
    "/a/1/",
    "/a//b",
    "/a/1/c",
    "/a/1/b/",
    "//a/1/b",
    "/A/1/b",
    "/s",
    "/s/",
    "/s/b",
    "/s/b/",
    "/s//k",
  ])("does not know %s", (path) => {
    expect(routerOf("/a/{id}/b", "/s/{bucket}/{key*}")(path)).toBeUndefined();
  });

  it("keeps methods apart", () => {
    expect(routerOf("/a")("/a", "POST")).toBeUndefined();
  });
});
