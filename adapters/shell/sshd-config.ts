export interface SshdConfig {
  /** Absent: all addresses. */
  readonly host?: string;
  readonly port: number;
  readonly hostKey: string;
  readonly authorizedKeys: string;
  /** Folder that becomes the root of every login. */
  readonly jail?: string;
  readonly environment: Readonly<Record<string, string>>;
}

function quoted(path: string): string {
  return `"${path.replaceAll(/["\\]/gu, (sign) => `\\${sign}`)}"`;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host.replaceAll(/[[\]]/gu, "")}]` : host;
}

/** The whole of an sshd's configuration: nothing of /etc/ssh has a say. */
export function sshdConfig(config: SshdConfig): string {
  const { host, port, hostKey, authorizedKeys, jail, environment } = config;
  const variables = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  const lines = [
    host === undefined ? `Port ${port}` : `ListenAddress ${bracketed(host)}:${port}`,
    `HostKey ${quoted(hostKey)}`,
    // of %h and its like, which a path could hold by chance
    `AuthorizedKeysFile ${quoted(authorizedKeys.replaceAll("%", "%%"))}`,
    // The file lies in the job's own folder, which only root can enter: what may be above it does not matter.
    "StrictModes no",
    "PidFile none",
    "LogLevel INFO",
    "AllowUsers root",
    "PermitRootLogin prohibit-password",
    "AuthenticationMethods publickey",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "HostbasedAuthentication no",
    "UsePAM no",
    "UseDNS no",
    "DisableForwarding yes",
    "PermitUserRC no",
    "PermitUserEnvironment no",
    "PrintMotd no",
    "PrintLastLog no",
    // Tools that change many things connect many times at once.
    "MaxStartups 100",
    "MaxSessions 100",
    "LoginGraceTime 60",
    // A peer that vanished must not look like somebody who is still there.
    "ClientAliveInterval 60",
    "ClientAliveCountMax 3",
    `SetEnv ${variables.join(" ")}`,
    "Subsystem sftp internal-sftp",
    ...(jail === undefined ? [] : [`ChrootDirectory ${quoted(jail.replaceAll("%", "%%"))}`]),
  ];
  return `${lines.join("\n")}\n`;
}
