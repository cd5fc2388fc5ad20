import type { Json } from "./json.ts";
import { startService } from "./service-process.ts";

/** Lets callers post records at once, each one after the other, and holds the service's list against what it answered. */
export async function postAtOnce(callers: number, records: number) {
  const service = await startService({ IMS_MAX_JOBS: "0", IMS_LOG_LEVEL: "error" });
  let left = records;
  const answered = await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      const made: Json[] = [];
      while (left > 0) {
        left -= 1;
        const body = JSON.stringify({ name: `${caller}-${made.length}` });
        const headers = { "content-type": "application/json" };
        const answer = await service.fetch("/v3/images", { method: "POST", body, headers });
        if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
        made.push(await answer.json());
      }
      return made;
    }),
  );
  const listed: Json[] = await (await service.fetch("/v3/images")).json();
  const place = new Map(listed.map(({ id }, n) => [id, n]));
  const isListed = (image: Json) =>
    JSON.stringify(listed[place.get(image.id) ?? -1]) === JSON.stringify(image);
  return {
    listed: listed.length,
    distinct: place.size,
    notAsAnswered: answered.flat().filter((image) => !isListed(image)),
    /** Callers whose records are listed in another order than they were made in. */
    disordered: answered.filter((made) =>
      made.some(({ id }, n) => n > 0 && (place.get(id) ?? -1) < (place.get(made[n - 1]?.id) ?? -1)),
    ),
  };
}
