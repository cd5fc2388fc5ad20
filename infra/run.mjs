#!/usr/bin/env node
// Runs a program of this project on Node 24 with its dependencies in place:
//   node infra/run.mjs [options of Node] <script or bin> [args…]
// Plain JavaScript that any Node from 20 on can run, with no dependencies, because it runs before they exist.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_MAJOR = 24;
const INSTALL_ONLY = "--install-only";
/** What `flock` is told to answer when somebody else holds the lock. */
const LOCK_HELD = 75;
const LOCK_WAIT_SECONDS = 900;
/** A signal can come twice, from its sender and through npm: within this time they are one. */
const SAME_SIGNAL_MILLISECONDS = 1000;

const self = fileURLToPath(import.meta.url);
const root = dirname(dirname(self));
const modules = join(root, "node_modules");
const bin = join(modules, ".bin");
const stampFile = join(modules, ".lock-digest");

const say = (text) => process.stderr.write(`${text}\n`);

function fail(text, exitCode = 1) {
  say(`error: ${text}`);
  process.exit(exitCode);
}

function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  }
}

function lockDigest() {
  const lock = readText(join(root, "package-lock.json"));
  if (lock === undefined) fail(`There is no package-lock.json in ${root}.`);
  // One folder can be seen from machines of several kinds, and what npm installs differs between them.
  return createHash("sha256").update(`${process.platform} ${process.arch}\n${lock}`).digest("hex");
}

/**
 * npm leaves out optional packages that are for other machines, and what those alone need. Only of one that names just
 * this machine is it sure that it should be there.
 */
const mayBeMissing = ({ optional, os, cpu, libc }) =>
  optional === true &&
  !(os?.includes(process.platform) === true && cpu?.includes(process.arch) === true && libc === undefined);

/** Whether what npm says it installed (it says so last of all) is what the lock names. */
function installedMatchesLock() {
  const installed = readText(join(modules, ".package-lock.json"));
  const lock = readText(join(root, "package-lock.json"));
  if (installed === undefined || lock === undefined) return false;
  const has = JSON.parse(installed).packages;
  return Object.entries(JSON.parse(lock).packages)
    .filter(([path]) => path.startsWith("node_modules/"))
    .every(([path, entry]) =>
      has[path] === undefined ? mayBeMissing(entry) : has[path].version === entry.version,
    );
}

function isCurrent() {
  const digest = lockDigest();
  if (readText(stampFile) === digest) return true;
  if (!installedMatchesLock()) return false;
  writeFileSync(stampFile, digest);
  return true;
}

/** npm must not run on a Node that it is about to remove. */
const pathWithoutBin = () =>
  (process.env.PATH ?? "")
    .split(delimiter)
    .filter((folder) => folder !== "" && resolve(folder) !== bin)
    .join(delimiter);

function installNow() {
  if (isCurrent()) return;
  say("Installing the dependencies with npm ci: they are missing or not those of package-lock.json.");
  const started = Date.now();
  const result = spawnSync(
    "npm",
    ["ci", "--include=dev", "--include=optional", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      cwd: root,
      stdio: ["ignore", 2, 2],
      env: { ...process.env, PATH: pathWithoutBin() },
    },
  );
  if (result.error) fail(`npm could not be started: ${result.error.message}`);
  if (result.signal) process.exit(128 + constants.signals[result.signal]);
  if (result.status !== 0) fail("npm ci failed; its messages are above.", result.status ?? 1);
  mkdirSync(modules, { recursive: true });
  writeFileSync(stampFile, lockDigest());
  say(`Installed in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
}

/** The lock is the kernel's, on the lock file itself: it goes with its holder, so a killed install leaves none behind. */
function lockedInstall(wait) {
  const waiting = wait ? ["--wait", String(LOCK_WAIT_SECONDS)] : ["--nonblock"];
  return spawnSync(
    "flock",
    [
      ...waiting,
      "--conflict-exit-code",
      String(LOCK_HELD),
      join(root, "package-lock.json"),
      process.execPath,
      self,
      INSTALL_ONLY,
    ],
    { stdio: "inherit" },
  );
}

function ensureInstalled() {
  if (isCurrent()) return;
  let result = lockedInstall(false);
  if (result.status === LOCK_HELD) {
    say("Another install of the dependencies is under way here: waiting for it.");
    result = lockedInstall(true);
  }
  if (result.error?.code === "ENOENT") return installNow();
  if (result.status === LOCK_HELD) fail(`The other install did not end within ${LOCK_WAIT_SECONDS} seconds.`);
  if (result.signal) process.exit(128 + constants.signals[result.signal]);
  if (result.status !== 0) process.exit(result.status ?? 1);
  if (!isCurrent()) fail("The dependencies changed while they were installed: run the command again.");
}

function findNode() {
  const ours = join(bin, "node");
  if (existsSync(ours)) return ours;
  const current = Number(process.versions.node.split(".")[0]);
  if (current >= NODE_MAJOR) return process.execPath;
  return fail(
    `Node ${NODE_MAJOR} is needed and this is Node ${process.versions.node}. npm brings it for Linux on x64 and arm64; ` +
      `it is not in node_modules, so install Node ${NODE_MAJOR} (https://nodejs.org) and run this again.`,
  );
}

/** A name with a slash or an extension is a file of ours; a bare one is a program that a dependency brought. */
function findProgram(name) {
  if (name.includes("/") || /\.[cm]?[jt]s$/u.test(name)) return resolve(name);
  const program = join(bin, name);
  if (!existsSync(program)) fail(`No dependency brings a program named ${name}.`);
  return realpathSync(program);
}

function startsLikeNodeScript(program) {
  const file = openSync(program, "r");
  const start = Buffer.alloc(80);
  readSync(file, start);
  closeSync(file);
  return /^#!.*\bnode\b/u.test(start.toString("latin1"));
}

/** Programs written in JavaScript run on our Node, whatever Node their first line would find; others run by themselves. */
function commandFor(name, node, nodeOptions) {
  const program = findProgram(name);
  const isScript = /\.[cm]?[jt]s$/u.test(program) || startsLikeNodeScript(program);
  return isScript ? [node, [...nodeOptions, program]] : [program, []];
}

/** Whether Ctrl-C reaches our child by itself: a terminal signals every process of its foreground group. */
function terminalSignalsUs() {
  const stat = readText("/proc/self/stat") ?? "";
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return foreground !== undefined && group === foreground;
}

function passSignals(child) {
  const last = new Map();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal === "SIGINT" && terminalSignalsUs()) return;
      const now = Date.now();
      if (now - (last.get(signal) ?? 0) < SAME_SIGNAL_MILLISECONDS) return;
      last.set(signal, now);
      child.kill(signal);
    });
  }
}

function runProgram(name, args, nodeOptions) {
  const node = findNode();
  const [file, first] = commandFor(name, node, nodeOptions);
  const child = spawn(file, [...first, ...args], {
    stdio: "inherit",
    env: {
      // Types are stripped and code compiled once, not at each start; half the time, and a sixth of the memory.
      NODE_COMPILE_CACHE: join(modules, ".cache", "node-compile"),
      ...process.env,
      PATH: [bin, pathWithoutBin()].join(delimiter),
    },
  });
  passSignals(child);
  child.on("error", (error) => fail(`${name} could not be started: ${error.message}`));
  child.on("exit", (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

const words = process.argv.slice(2);
if (words[0] === INSTALL_ONLY) installNow();
else {
  const start = words.findIndex((word) => !word.startsWith("-"));
  if (start === -1) fail("usage: node infra/run.mjs [options of Node] <script or program> [arguments]", 2);
  ensureInstalled();
  runProgram(words[start], words.slice(start + 1), words.slice(0, start));
}
