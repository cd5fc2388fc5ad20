import { describe, expect, it } from "vitest";
import { explainPackerFailure } from "../../../functions/agent/steps/packer-failure.ts";

const explain = (text: string, exitCode = 1) => explainPackerFailure(exitCode, text.split("\n"));

const UNSET = `Error: Unset variable "must"

A used variable must be set or have a default value; see
https://packer.io/docs/configuration/from-1.5/syntax for details.

`;
const UNDECLARED = `Error: Failed preparing provisioner-block "shell-local" ""

  on ./image.pkr.hcl line 4:
  (source code not available)

./image.pkr.hcl:4,52-57: Unsupported attribute; This object does not have an
attribute named "nope".



==> Wait completed after 6 microseconds

==> Builds finished but no artifacts were created.`;
const SYNTAX = `Error: Invalid expression

  on image.pkr.hcl line 1, in source "null" "root":
   1: source "null" "root" { communicator = 

Expected the start of an expression, but found an invalid expression token.
`;
const UNKNOWN = `Error: Unknown source type nosuch

  on image.pkr.hcl line 1:
  (source code not available)

known builders: [vmware-vmx null file]
`;
const UNKNOWN_IN_JSON = `Error: Failed to initialize build "nope"

The builder nope is unknown by Packer, and is likely part of a plugin that is
not installed.
You may find the needed plugin along with installation instructions documented
on the Packer integrations page.

https://developer.hashicorp.com/packer/integrations?filter=nope
`;
const MISSING = `Error: Missing plugins

The following plugins are required, but not installed:

* github.com/hashicorp/qemu >= 1.0.0

Did you run packer init for this project ?
`;
const JSON_UNSET = `Error: 

1 error occurred:
	* required variable not set: hostname

`;
const JSON_BROKEN =
  "Failed to parse template: Error parsing JSON: unexpected end of JSON input\nAt line 2, column 1";
const SCRIPT = `==> null.root: Running local shell script: ./make-root.sh
==> null.root: + cp vmlinuz /boot
==> null.root: cannot find the kernel
    null.root: one
==> null.root: Provisioning step had errors: Running the cleanup provisioner, if present...
Build 'null.root' errored after 9 milliseconds 496 microseconds: Script exited with non-zero exit status: 3.Allowed exit codes are: [0]

==> Some builds didn't complete successfully and had errors:
--> null.root: Script exited with non-zero exit status: 3.Allowed exit codes are: [0]

==> Builds finished but no artifacts were created.`;
const PROGRAM = `==> null.root: Running local shell script: ./make-root.sh
==> null.root: ./make-root.sh: 2: debootstrap: not found
==> null.root: Provisioning step had errors: Running the cleanup provisioner, if present...
--> null.root: Script exited with non-zero exit status: 127.Allowed exit codes are: [0]`;

describe("what is said of a packer that failed", () => {
  it.each([
    ["a variable without value", UNSET, "recipe_invalid", "variable must has no value"],
    ["a variable that is not declared", UNDECLARED, "recipe_invalid", 'variable "nope" {}'],
    ["a template that is no HCL", SYNTAX, "recipe_invalid", "does not accept the recipe's template"],
    ["a builder that packer does not have", UNKNOWN, "build_tool_missing", "no plugin for nosuch"],
    [
      "a builder that a newer packer does not have",
      UNKNOWN_IN_JSON,
      "build_tool_missing",
      "no plugin for nope",
    ],
    ["plugins that are not installed", MISSING, "build_tool_missing", "required_plugins"],
    [
      "a JSON template's variable without value",
      JSON_UNSET,
      "recipe_invalid",
      "variable hostname has no value",
    ],
    ["a template that is no JSON", JSON_BROKEN, "recipe_invalid", "does not accept the recipe's template"],
    ["a script that failed", SCRIPT, "build_failed", "A script of the recipe failed"],
    ["a program that a script needs", PROGRAM, "build_tool_missing", "the program debootstrap"],
    [
      "a repository that did not answer a script's debootstrap",
      "==> null.root: E: Failed getting release file http://silent.example/debian/dists/bookworm/Release",
      "repository_unreachable",
      "http://silent.example/debian.",
    ],
    [
      "a full disk",
      "==> null.root: cp: error writing 'x': No space left on device",
      "disk_full",
      "build_env_size",
    ],
  ])("names %s", (_, text, code, hint) => {
    expect(explain(text)).toMatchObject({ code, hint: expect.stringContaining(hint) });
  });

  it("holds packer's own words, or why the script failed", () => {
    expect(explain(UNKNOWN).message).toMatch(
      /^packer ended with exit code 1: Error: Unknown source type nosuch on /u,
    );
    expect(explain(SCRIPT).message).toBe(
      "packer ended with exit code 1: null.root: Script exited with non-zero exit status: 3.Allowed exit codes are: [0] cannot find the kernel",
    );
    expect(explain("").message).toBe("packer ended with exit code 1.");
  });

  it("suspects the memory when packer was killed", () => {
    expect(explain("", 137)).toMatchObject({
      code: "build_failed",
      hint: expect.stringContaining("job_mem_size"),
    });
  });
});
