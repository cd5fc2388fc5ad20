// Writes the CloudFormation template: node infra/run.mjs infra/aws/main.ts > template.json
import process from "node:process";
import { ENDPOINTS } from "../../functions/endpoints.ts";
import { awsTemplate } from "./template.ts";

process.stdout.write(`${JSON.stringify(awsTemplate(ENDPOINTS))}\n`);
