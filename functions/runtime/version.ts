import packageJson from "../../package.json" with { type: "json" };

/** Of the whole product: package.json is the one place that names it. */
export const VERSION = packageJson.version;
