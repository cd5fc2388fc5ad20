import { type Budget, BUDGETS } from "./budgets.ts";
import type { Program } from "./content.ts";

const KIB = 1024;

/** Programs as a table: what each reads at its start and in all, and the packages in it. */
export function reportLines(programs: readonly Program[]): string[] {
  const width = Math.max(...programs.map(({ file }) => file.length));
  return programs.flatMap(({ file, startBytes, wholeBytes, starts, later }) => [
    `${file.padEnd(width)} ${kib(startBytes).padStart(9)} at start ${kib(wholeBytes).padStart(9)} in all`,
    ...(starts.length > 0 ? [`  at start: ${starts.join(", ")}`] : []),
    ...(later.length > 0 ? [`  later: ${later.join(", ")}`] : []),
  ]);
}

const kib = (bytes: number): string => `${(bytes / KIB).toFixed(1)} KiB`;

/** What of the programs is against their budgets, a sentence each. */
export function overBudget(programs: readonly Program[], budgets: readonly Budget[] = BUDGETS): string[] {
  return programs.flatMap((program) => {
    const budget = budgets.find(({ files }) => files.test(program.file));
    return budget === undefined ? [`${program.file} has no budget.`] : excess(program, budget);
  });
}

function excess({ file, startBytes, wholeBytes, starts, later }: Program, budget: Budget): string[] {
  const uninvited = starts.filter((name) => budget.starts?.includes(name) === false);
  const forbidden = [...starts, ...later].filter((name) => budget.never?.test(name) === true);
  return [
    ...(startBytes > budget.startKiB * KIB
      ? [`${file} reads ${kib(startBytes)} at its start: at most ${budget.startKiB} KiB.`]
      : []),
    ...(wholeBytes > budget.wholeKiB * KIB
      ? [`${file} has ${kib(wholeBytes)} in all: at most ${budget.wholeKiB} KiB.`]
      : []),
    ...uninvited.map((name) => `${file} reads ${name} at its start.`),
    ...forbidden.map((name) => `${file} has ${name} in it.`),
  ];
}
