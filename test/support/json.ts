/** What `JSON.parse` answers: nothing is known of it until a test expects something. */
export type Json = ReturnType<typeof JSON.parse>;
