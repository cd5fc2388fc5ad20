/**
 * A record's place in the order of its kind: time in milliseconds, a count within it, and the store that gave it, so that
 * no two records have the same. All are of one length, hence in order as text.
 */
const TIME_DIGITS = 9;
const COUNT_DIGITS = 4;
const STORE_DIGITS = 4;
const PLACE = new RegExp(
  `^([0-9a-z]{${TIME_DIGITS}})([0-9a-z]{${COUNT_DIGITS}})[0-9a-z]{${STORE_DIGITS}}$`,
  "u",
);
const BASE = 36;
const MOST_COUNT = BASE ** COUNT_DIGITS - 1;

export interface Places {
  /** Later than all places that were given or seen before. */
  next(): string;
  /** Tells of a place that another store gave. */
  seen(place: string): void;
}

/**
 * A clock that never goes back and never falls behind what it has seen (a hybrid logical clock). So whoever has read a
 * record of another process inserts behind it, however wrong the clock of either is. Two processes that have seen nothing
 * of one another are in order as far as their clocks agree.
 */
export function createPlaces(now: () => number, random: () => number): Places {
  const store = digits(Math.floor(random() * BASE ** STORE_DIGITS), STORE_DIGITS);
  let time = 0;
  let count = 0;
  let last = "";

  function give(): string {
    last = `${digits(time, TIME_DIGITS)}${digits(count, COUNT_DIGITS)}${store}`;
    return last;
  }

  return {
    next() {
      const clock = now();
      if (clock > time) [time, count] = [clock, 0];
      else if (count < MOST_COUNT) count += 1;
      else [time, count] = [time + 1, 0];
      return give();
    },
    seen(place) {
      if (place <= last) return;
      const [, seenTime, seenCount] = PLACE.exec(place) ?? [];
      if (seenTime === undefined || seenCount === undefined) return;
      [time, count] = [Number.parseInt(seenTime, BASE), Number.parseInt(seenCount, BASE)];
      last = place;
    },
  };
}

export function isPlace(text: string): boolean {
  return PLACE.test(text);
}

/** Before and after all places; and what comes right after one. */
export const BEFORE_ALL = "";
export const AFTER_ALL = "~";
export const justAfter = (place: string): string => `${place}!`;

function digits(number: number, length: number): string {
  return number.toString(BASE).padStart(length, "0");
}
