import * as v from "valibot";

const Address = v.object({ bucket: v.string(), key: v.string() });

/**
 * Moves of objects that a commit has decided and that are still to be carried out. It is written in the same commit as
 * the record's change and removed when the last move is done, so that a crash between leaves work, never a riddle.
 */
export const MoveJournal = v.object({
  id: v.string(),
  created: v.string(),
  moves: v.array(v.object({ from: Address, to: Address })),
});
export type MoveJournal = v.InferOutput<typeof MoveJournal>;
