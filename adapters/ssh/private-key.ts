import { open } from "node:fs/promises";
import ssh2 from "ssh2";
import { DomainError } from "../../core/errors.ts";
import { asDomainError, isMissing } from "../process/errors.ts";

const OTHERS = 0o077;
const EVERYBODY = 0o007;
const LONGEST_KEY = 65_536;

/**
 * The key that opens nodes. Read at each connection, so that it may be replaced. A file that others may read is refused,
 * as OpenSSH does; one of another owner (a mounted Secret) may be its group's.
 * @throws `unavailable`, without any of the content
 */
export async function readPrivateKey(file: string): Promise<Buffer> {
  const key = await readClosed(file);
  const parsed = ssh2.utils.parseKey(key);
  if (!(parsed instanceof Error) && parsed.isPrivateKey()) return key;
  const locked = parsed instanceof Error && /passphrase/iu.test(parsed.message);
  const why = locked ? "it has a passphrase" : "it is no private key";
  throw new DomainError("unavailable", `The key of IMS_SSH_KEY_FILE cannot be used: ${why}.`);
}

async function readClosed(file: string): Promise<Buffer> {
  try {
    const handle = await open(file, "r");
    try {
      const { mode, size, uid } = await handle.stat();
      if ((mode & (uid === process.getuid?.() ? OTHERS : EVERYBODY)) !== 0)
        throw new DomainError(
          "unavailable",
          "The file of IMS_SSH_KEY_FILE can be read by others: chmod 600 it.",
        );
      if (size > LONGEST_KEY) throw new DomainError("unavailable", "The file of IMS_SSH_KEY_FILE is no key.");
      return await handle.readFile();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (isMissing(error))
      throw new DomainError("unavailable", "The file of IMS_SSH_KEY_FILE is not there.", { cause: error });
    throw asDomainError(error, "The file of IMS_SSH_KEY_FILE cannot be read.");
  }
}
