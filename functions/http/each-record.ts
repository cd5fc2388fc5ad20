/** What all operations on a whole collection have in common; to be spread into their definition. */
export const eachRecord = {
  description:
    "Record by record: goes on past one that fails, and then answers with the status of the first failure, with the reasons in `errors`, by record id.",
  problems: [409, 422],
} as const;
