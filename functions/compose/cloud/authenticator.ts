export { openAuthenticator } from "../authenticator.ts";
