const KEPT = [
  "HOME",
  "TZ",
  "http_proxy",
  "https_proxy",
  "ftp_proxy",
  "no_proxy",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "FTP_PROXY",
  "NO_PROXY",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
] as const;

/** Build tools live in the system folders, which a user's PATH often lacks. */
export const SYSTEM_PATH = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/**
 * The little of an environment that programs of a job get: where programs are, proxies, certificates, and a UTF-8
 * locale in which tools speak English. Nothing else is handed down, whatever secrets it may hold.
 */
export function plainEnvironment(from: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const given = (from["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  const env: Record<string, string> = {
    PATH: [...new Set([...given, ...SYSTEM_PATH])].join(":"),
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
  };
  for (const name of KEPT) {
    const value = from[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
