import { describe, expect, it } from "vitest";
import { strikeAll } from "../support/matrix/cells.ts";
import { FAULTS } from "../support/matrix/faults.ts";
import { KINDS } from "../support/matrix/kinds.ts";

/** As root, with OpenSSH and squashfs-tools. Prints a line for each phase of each kind of job under each fault. */
for (const kind of KINDS)
  describe(`a job (${kind.name}) in each of its phases`, () => {
    for (const fault of FAULTS)
      it(`ends as it should when struck by: ${fault.name}`, async () => {
        expect(await strikeAll(kind.name, fault.name)).toEqual([]);
      });
  });
