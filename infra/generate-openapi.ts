// Writes infra/openapi.json from the endpoints; a test fails when the committed file is out of date.
import { writeFileSync } from "node:fs";
import { ENDPOINTS } from "../functions/endpoints.ts";
import packageJson from "../package.json" with { type: "json" };
import { openApiDocument, published } from "./openapi-document.ts";

const file = new URL("openapi.json", import.meta.url);
writeFileSync(
  file,
  `${JSON.stringify(openApiDocument(published(ENDPOINTS), packageJson.version), null, 2)}\n`,
);
