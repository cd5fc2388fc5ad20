/** A module of our own: a bundle gives late imports of CommonJS packages no names. */
export { parse } from "yaml";
